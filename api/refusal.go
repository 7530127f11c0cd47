package api

import (
	"bytes"
	"encoding/json"
	"net"
	"strconv"
)

// refusalHead is how net/http begins what it answers by itself to a request that it can't read, before any handler sees it: a
// percent sign without two digits in the path, a header too large, a second length. No handler of ours begins an answer so.
var refusalHead = []byte("\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n")

// Listener gives the answers that net/http makes by itself the form of all other errors. Such an answer is one write and ends
// its connection.
func Listener(l net.Listener) net.Listener { return refusing{l} }

type refusing struct{ net.Listener }

func (l refusing) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &refusingConn{conn}, nil
}

type refusingConn struct{ net.Conn }

func (c *refusingConn) Write(b []byte) (int, error) {
	if len(b) > 512 || !bytes.HasPrefix(b, []byte("HTTP/1.1 ")) {
		return c.Conn.Write(b)
	}
	line, text, found := bytes.Cut(b, refusalHead)
	if !found || bytes.Contains(line, []byte("\r\n")) {
		return c.Conn.Write(b)
	}
	if _, err := c.Conn.Write(refusal(line, text)); err != nil {
		return 0, err
	}
	return len(b), nil
}

func refusal(line, text []byte) []byte {
	code, message := "invalid_request", "the request can't be read: "+string(text)
	if bytes.HasPrefix(line, []byte("HTTP/1.1 400")) {
		message += " (is there a % in the path that doesn't begin an escape?)"
	}
	body, err := json.Marshal(map[string]any{"error": map[string]string{"code": code, "message": message}})
	if err != nil {
		body = []byte(`{"error":{"code":"invalid_request"}}`)
	}
	var out bytes.Buffer
	out.Write(line)
	out.WriteString("\r\nContent-Type: application/json; charset=utf-8\r\nConnection: close\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n")
	out.Write(body)
	return out.Bytes()
}
