package api

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/causeway-dev/causeway/proxy"
)

// copySize is the buffer of one proxied body.
const copySize = 32 << 10

// pass gives the provider's answer to the caller: status, headers and body as they came.
func (s *Server) pass(c *gin.Context, resp *proxy.Response) {
	h := c.Writer.Header()
	for name, values := range resp.Header {
		h[name] = values
	}
	if proxy.Bodiless(c.Request.Method, resp.Status) {
		if c.Request.Method != http.MethodHead {
			h.Del("Content-Length")
		}
		c.Writer.WriteHeader(resp.Status)
		c.Writer.WriteHeaderNow()
		return
	}
	buffer, ok := s.buffers.Get().(*[copySize]byte)
	if !ok {
		buffer = new([copySize]byte)
	}
	err := copyBody(c.Writer, resp, buffer[:])
	s.buffers.Put(buffer)
	if err != nil {
		panic(http.ErrAbortHandler) // the caller must not take a half for the whole
	}
}

// copyBody sends a body on. Of a stream each piece goes out as it comes. Another body that fits the buffer, as most do, goes out with its
// length, also if it was compressed and its length isn't known before.
func copyBody(w gin.ResponseWriter, resp *proxy.Response, buffer []byte) error {
	if resp.Stream {
		w.WriteHeader(resp.Status)
		w.WriteHeaderNow()
		w.Flush()
		for {
			n, err := resp.Body.Read(buffer)
			if n > 0 {
				if _, err := w.Write(buffer[:n]); err != nil {
					return err
				}
				w.Flush()
			}
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
		}
	}
	n, whole, err := fill(resp.Body, buffer)
	if err != nil {
		return err
	}
	w.WriteHeader(resp.Status)
	if _, err := w.Write(buffer[:n]); err != nil || whole {
		return err
	}
	_, err = io.CopyBuffer(onlyWriter{w}, resp.Body, buffer)
	return err
}

// fill reads until the buffer is full or the body has ended. io.ReadFull can't be asked: it says of a body that ends early what it says of
// a short one.
func fill(body io.Reader, buffer []byte) (n int, whole bool, err error) {
	for n < len(buffer) {
		m, err := body.Read(buffer[n:])
		n += m
		if err == io.EOF { //nolint:errorlint // readers return it as it is, and a wrapped one means something else
			return n, true, nil
		}
		if err != nil {
			return n, false, err
		}
	}
	return n, false, nil
}

// onlyWriter hides ReadFrom, which would bring a buffer of its own.
type onlyWriter struct{ io.Writer }

// networkAnswer shows that no answer came, in the form that the clients know: it isn't the error envelope.
func networkAnswer(c *gin.Context, method string, err error) error {
	network, ok := errors.AsType[*proxy.NetworkError](err)
	if !ok {
		return err
	}
	return answer(c, http.StatusInternalServerError, gin.H{"message": "the provider could not be reached: " + network.Code, "code": network.Code, "status": nil, "method": method})
}

func quickJSON(v any) json.RawMessage {
	raw, err := marshal(v)
	if err != nil {
		return nil
	}
	return raw
}
