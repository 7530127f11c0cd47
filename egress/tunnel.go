package egress

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

// connectTimeout bounds a proxy's answer to CONNECT.
const connectTimeout = 30 * time.Second

// dialProxy opens a tunnel to a judged address. The proxy gets the address and not the name, so that it can't resolve it
// to another one; TLS to the target goes through the tunnel and still checks the name.
func (d *dialer) dialProxy(ctx context.Context, target netip.AddrPort) (net.Conn, error) {
	host, port := d.proxy.Hostname(), d.proxy.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[d.proxy.Scheme]
	}
	conn, err := d.net.DialContext(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, fmt.Errorf("connect to the outgoing proxy: %w", err)
	}
	if d.proxy.Scheme == "https" {
		conn = tls.Client(conn, &tls.Config{ServerName: host, RootCAs: d.rootCAs, MinVersion: tls.VersionTLS12})
	}
	tunnel, err := openTunnel(ctx, conn, target, d.proxy.User)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return tunnel, nil
}

func openTunnel(ctx context.Context, conn net.Conn, target netip.AddrPort, user *url.Userinfo) (net.Conn, error) {
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := conn.SetDeadline(time.Now().Add(connectTimeout)); err != nil {
		return nil, fmt.Errorf("outgoing proxy: %w", err)
	}
	req := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: target.String()}, Host: target.String(), Header: http.Header{}}
	if user != nil {
		password, _ := user.Password()
		req.Header.Set("Proxy-Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password)))
	}
	if err := req.Write(conn); err != nil {
		return nil, fmt.Errorf("outgoing proxy: %w", err)
	}
	reader := bufio.NewReader(conn)
	resp, err := http.ReadResponse(reader, req)
	if err != nil {
		return nil, fmt.Errorf("outgoing proxy: read its answer: %w", err)
	}
	_ = resp.Body.Close() // the answer to CONNECT has none
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the outgoing proxy refuses to connect: status %d", resp.StatusCode)
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return nil, fmt.Errorf("outgoing proxy: %w", err)
	}
	if reader.Buffered() > 0 {
		return &bufferedConn{Conn: conn, reader: reader}, nil
	}
	return conn, nil
}

// bufferedConn gives back what was read beyond the proxy's answer.
type bufferedConn struct {
	net.Conn
	reader *bufio.Reader
}

func (c *bufferedConn) Read(p []byte) (int, error) { return c.reader.Read(p) }
