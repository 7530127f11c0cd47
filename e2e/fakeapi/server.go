package fakeapi

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Handler makes the answer to a request. It may be called by several connections at once.
type Handler func(*Request) Answer

// Server is a running fake. Its zero value is of no use: see Start.
type Server struct {
	listener net.Listener
	scheme   string
	roots    *x509.CertPool
	done     chan struct{}
	group    sync.WaitGroup

	mu       sync.Mutex
	handlers map[string]Handler // by path prefix
	requests []*Request
	conns    map[net.Conn]bool
	opened   int
}

// Start listens on an address, 127.0.0.1:0 for a free port.
func Start(ctx context.Context, address string) (*Server, error) {
	return start(ctx, address, nil, "http")
}

// StartTLS is Start with a certificate for 127.0.0.1 and localhost that only Roots trusts.
func StartTLS(ctx context.Context, address string) (*Server, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	s, err := start(ctx, address, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}, "https")
	if err != nil {
		return nil, err
	}
	s.roots = x509.NewCertPool()
	s.roots.AddCert(leaf)
	return s, nil
}

func start(ctx context.Context, address string, secure *tls.Config, scheme string) (*Server, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	if secure != nil {
		listener = tls.NewListener(listener, secure)
	}
	s := &Server{listener: listener, scheme: scheme, done: make(chan struct{}), handlers: map[string]Handler{}, conns: map[net.Conn]bool{}}
	s.group.Add(1)
	go s.accept()
	return s, nil
}

// URL is the fake's address.
func (s *Server) URL() string { return s.scheme + "://" + s.listener.Addr().String() }

// Host is the fake's host and port.
func (s *Server) Host() string { return s.listener.Addr().String() }

// Roots trust the certificate of a fake that StartTLS made.
func (s *Server) Roots() *x509.CertPool { return s.roots }

// Close ends all connections and waits for them.
func (s *Server) Close() {
	select {
	case <-s.done:
		return
	default:
	}
	close(s.done)
	_ = s.listener.Close()
	s.mu.Lock()
	for c := range s.conns {
		_ = c.Close()
	}
	s.mu.Unlock()
	s.group.Wait()
}

// Handle answers requests whose path begins with prefix; the longest prefix wins.
func (s *Server) Handle(prefix string, h Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handlers[prefix] = h
}

// Answer gives the answers to the requests below prefix, one after the other; the last one again and again.
func (s *Server) Answer(prefix string, answers ...Answer) {
	var mu sync.Mutex
	next := 0
	s.Handle(prefix, func(*Request) Answer {
		mu.Lock()
		defer mu.Unlock()
		a := answers[min(next, len(answers)-1)]
		next++
		return a
	})
}

// Requests are all requests so far, in the order of their arrival.
func (s *Server) Requests() []*Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*Request(nil), s.requests...)
}

// Last is the last request; nil: there was none.
func (s *Server) Last() *Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.requests) == 0 {
		return nil
	}
	return s.requests[len(s.requests)-1]
}

// Count counts the requests whose path begins with prefix.
func (s *Server) Count(prefix string) int {
	n := 0
	for _, r := range s.Requests() {
		if strings.HasPrefix(r.Path(), prefix) {
			n++
		}
	}
	return n
}

// Forget drops the requests so far.
func (s *Server) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = nil
}

func (s *Server) accept() {
	defer s.group.Done()
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.opened++
		n := s.opened
		s.conns[conn] = true
		s.group.Add(1)
		s.mu.Unlock()
		go s.serve(conn, n)
	}
}

func (s *Server) serve(conn net.Conn, n int) {
	defer s.group.Done()
	defer func() {
		s.mu.Lock()
		delete(s.conns, conn)
		s.mu.Unlock()
		_ = conn.Close()
	}()
	in := bufio.NewReader(conn)
	for {
		r, err := read(in)
		if err != nil {
			return
		}
		r.Conn = n
		if !s.send(conn, r, s.handler(r)(r)) {
			return
		}
	}
}

// handler finds who answers a request, and keeps it.
func (s *Server) handler(r *Request) Handler {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, r)
	best, found := "", Handler(nil)
	for prefix, h := range s.handlers {
		if strings.HasPrefix(r.Path(), prefix) && len(prefix) >= len(best) {
			best, found = prefix, h
		}
	}
	if found == nil {
		return func(*Request) Answer { return JSON(http.StatusNotFound, `{"message":"Not Found"}`) }
	}
	return found
}

// pause waits; false: the fake is being closed.
func (s *Server) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-s.done:
		return false
	case <-t.C:
		return true
	}
}
