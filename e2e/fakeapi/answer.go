package fakeapi

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"time"
)

// Line is a header line, byte for byte.
type Line struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Request is what came in.
type Request struct {
	At     time.Time `json:"at"`
	Conn   int       `json:"conn"` // number of the connection, from 1
	Method string    `json:"method"`
	Target string    `json:"target"` // as it stands in the request line
	Header []Line    `json:"header"` // as they stand in the request
	Body   []byte    `json:"body"`   // without the framing of chunks
	Raw    []byte    `json:"raw"`    // everything, framing included
}

// Path is the target without its query.
func (r *Request) Path() string { path, _, _ := strings.Cut(r.Target, "?"); return path }

// Query is the target's query, as it came.
func (r *Request) Query() string { _, query, _ := strings.Cut(r.Target, "?"); return query }

// Get is the first value of a header, whatever the case of its name.
func (r *Request) Get(name string) string {
	for _, l := range r.Header {
		if strings.EqualFold(l.Name, name) {
			return l.Value
		}
	}
	return ""
}

// Values are all values of a header.
func (r *Request) Values(name string) []string {
	var out []string
	for _, l := range r.Header {
		if strings.EqualFold(l.Name, name) {
			out = append(out, l.Value)
		}
	}
	return out
}

// Answer is what goes out. The zero value is an empty 200.
type Answer struct {
	Status  int           `json:"status,omitempty"` // 0: 200
	Header  []Line        `json:"header,omitempty"`
	Body    []byte        `json:"body,omitempty"`
	Delay   time.Duration `json:"delay,omitempty"`   // before the first byte
	Chunked bool          `json:"chunked,omitempty"` // frame the body in chunks, each of ChunkSize bytes (0: all), with ChunkDelay between them
	// ChunkSize and ChunkDelay shape a stream.
	ChunkSize  int           `json:"chunk_size,omitempty"`
	ChunkDelay time.Duration `json:"chunk_delay,omitempty"`
	NoLength   bool          `json:"no_length,omitempty"`  // no Content-Length: Header has it, or the end of the connection ends the body
	Truncate   int           `json:"truncate,omitempty"`   // hang up after so many bytes of the body
	Close      bool          `json:"close,omitempty"`      // say so and close the connection after the answer
	IdleClose  bool          `json:"idle_close,omitempty"` // close it without saying so
	HangUp     bool          `json:"hang_up,omitempty"`    // close the connection instead of answering
	Reset      bool          `json:"reset,omitempty"`      // reset it instead of answering
	Raw        []byte        `json:"raw,omitempty"`        // instead of all that: these bytes
}

// Status is an empty answer with header lines, given as names and values in turn.
func Status(status int, header ...string) Answer {
	a := Answer{Status: status}
	for i := 0; i+1 < len(header); i += 2 {
		a.Header = append(a.Header, Line{header[i], header[i+1]})
	}
	return a
}

// JSON is an answer with a JSON body.
func JSON(status int, body string, header ...string) Answer {
	a := Status(status, header...)
	a.Header = append([]Line{{"Content-Type", "application/json"}}, a.Header...)
	a.Body = []byte(body)
	return a
}

// send writes the answer; false: the connection is over.
func (s *Server) send(conn net.Conn, r *Request, a Answer) bool {
	if a.Delay > 0 && !s.pause(a.Delay) {
		return false
	}
	switch {
	case a.HangUp:
		return false
	case a.Reset:
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		return false
	case a.Raw != nil:
		_, err := conn.Write(a.Raw)
		return err == nil && !a.Close && !a.IdleClose
	}
	if _, err := conn.Write(a.head(r)); err != nil || !s.sendBody(conn, r, a) {
		return false
	}
	return !a.Close && !a.IdleClose && (!a.NoLength || a.has("Content-Length") || bodiless(r, a))
}

func bodiless(r *Request, a Answer) bool {
	return r.Method == http.MethodHead || a.Status == http.StatusNoContent || a.Status == http.StatusNotModified || a.Status == http.StatusResetContent
}

func (a *Answer) has(name string) bool {
	for _, l := range a.Header {
		if strings.EqualFold(l.Name, name) {
			return true
		}
	}
	return false
}

func (a *Answer) head(r *Request) []byte {
	status := a.Status
	if status == 0 {
		status = http.StatusOK
	}
	var b bytes.Buffer
	_, _ = fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", status, http.StatusText(status))
	for _, l := range a.Header {
		b.WriteString(l.Name + ": " + l.Value + "\r\n")
	}
	switch {
	case a.NoLength || a.has("Content-Length") || a.has("Transfer-Encoding"):
	case a.Chunked:
		b.WriteString("Transfer-Encoding: chunked\r\n")
	case !bodiless(r, *a):
		b.WriteString("Content-Length: " + strconv.Itoa(len(a.Body)) + "\r\n")
	}
	if a.Close {
		b.WriteString("Connection: close\r\n")
	}
	b.WriteString("\r\n")
	return b.Bytes()
}

func (s *Server) sendBody(conn net.Conn, r *Request, a Answer) bool {
	if bodiless(r, a) {
		return true
	}
	body := a.Body
	if a.Truncate > 0 {
		body = body[:min(a.Truncate, len(body))]
	}
	if !a.Chunked {
		_, err := conn.Write(body)
		return err == nil && a.Truncate == 0
	}
	size := a.ChunkSize
	if size == 0 {
		size = max(len(body), 1)
	}
	for len(body) > 0 {
		chunk := body[:min(size, len(body))]
		if _, err := fmt.Fprintf(conn, "%x\r\n%s\r\n", len(chunk), chunk); err != nil {
			return false
		}
		if body = body[len(chunk):]; len(body) > 0 && a.ChunkDelay > 0 && !s.pause(a.ChunkDelay) {
			return false
		}
	}
	if a.Truncate > 0 {
		return false
	}
	_, err := io.WriteString(conn, "0\r\n\r\n")
	return err == nil
}

// read reads one request and keeps its bytes.
func read(in *bufio.Reader) (*Request, error) {
	r := &Request{}
	keep := func(line []byte) { r.Raw = append(r.Raw, line...) }
	line, err := in.ReadBytes('\n')
	if err != nil {
		return nil, err
	}
	keep(line)
	r.At = time.Now()
	parts := strings.SplitN(strings.TrimRight(string(line), "\r\n"), " ", 3)
	if len(parts) != 3 {
		return nil, fmt.Errorf("no request line: %q", line)
	}
	r.Method, r.Target = parts[0], parts[1]
	for {
		if line, err = in.ReadBytes('\n'); err != nil {
			return nil, err
		}
		keep(line)
		text := strings.TrimRight(string(line), "\r\n")
		if text == "" {
			break
		}
		name, value, _ := strings.Cut(text, ":")
		r.Header = append(r.Header, Line{name, textproto.TrimString(value)})
	}
	if strings.EqualFold(r.Get("Transfer-Encoding"), "chunked") {
		return r, readChunks(in, r, keep)
	}
	length, _ := strconv.Atoi(r.Get("Content-Length"))
	r.Body = make([]byte, length)
	if _, err := io.ReadFull(in, r.Body); err != nil {
		return nil, err
	}
	keep(r.Body)
	return r, nil
}

func readChunks(in *bufio.Reader, r *Request, keep func([]byte)) error {
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return err
		}
		keep(line)
		size, err := strconv.ParseInt(strings.TrimSpace(string(line)), 16, 32)
		if err != nil {
			return err
		}
		chunk := make([]byte, size+2) // with its line end
		if _, err := io.ReadFull(in, chunk); err != nil {
			return err
		}
		keep(chunk)
		if size == 0 {
			return nil
		}
		r.Body = append(r.Body, chunk[:size]...)
	}
}
