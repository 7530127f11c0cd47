package egress

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"time"
)

// ClientOptions are how a Client connects.
type ClientOptions struct {
	// Proxy is an outgoing proxy (http or https, user information allowed): targets are resolved and judged here, and the
	// judged address is what the proxy is asked to connect to.
	Proxy *url.URL
	// NoProxy lists hosts that are dialled directly: names, ".suffixes", addresses, ranges, or "*".
	NoProxy []string
	RootCAs *x509.CertPool // nil: the system's
	// DialTimeout bounds one attempt to connect; 0: 30 s.
	DialTimeout time.Duration
	// IdleConnsPerHost are the connections kept per host; 0: 256.
	IdleConnsPerHost int
}

// Client sends single requests over one pool of connections. It follows no redirect, adds no header and decodes no body.
type Client struct {
	policy    *Policy
	transport *http.Transport
}

// NewClient makes a client that obeys the policy.
func NewClient(policy *Policy, o ClientOptions) (*Client, error) {
	if o.DialTimeout == 0 {
		o.DialTimeout = 30 * time.Second
	}
	if o.IdleConnsPerHost == 0 {
		o.IdleConnsPerHost = 256
	}
	d := &dialer{policy: policy, net: net.Dialer{Timeout: o.DialTimeout, KeepAlive: 30 * time.Second}, rootCAs: o.RootCAs}
	if o.Proxy != nil {
		if o.Proxy.Scheme != "http" && o.Proxy.Scheme != "https" || o.Proxy.Hostname() == "" {
			return nil, errors.New("egress.proxy: it has to be an http or https URL")
		}
		noProxy, err := parseHostList(withoutStar(o.NoProxy), true)
		if err != nil {
			return nil, fmt.Errorf("egress.no_proxy: %w", err)
		}
		d.noProxy, d.direct = noProxy, len(withoutStar(o.NoProxy)) != len(o.NoProxy)
		d.proxy = o.Proxy
	}
	return &Client{
		policy: policy,
		transport: &http.Transport{
			DialContext:         d.dial,
			TLSClientConfig:     &tls.Config{RootCAs: o.RootCAs, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout: 20 * time.Second,
			ForceAttemptHTTP2:   true,
			DisableCompression:  true, // callers decide what they accept and what they decode
			MaxIdleConns:        4096,
			MaxIdleConnsPerHost: o.IdleConnsPerHost,
			IdleConnTimeout:     50 * time.Second, // below the 60 s after which many servers and balancers hang up
			WriteBufferSize:     16 << 10,
			ReadBufferSize:      16 << 10,
		},
	}, nil
}

func withoutStar(list []string) []string {
	var out []string
	for _, e := range list {
		if e != "*" {
			out = append(out, e)
		}
	}
	return out
}

// Policy is what the client obeys.
func (c *Client) Policy() *Policy { return c.policy }

// Do judges the request's URL and sends it. An error for which IsDenied holds is the policy's.
func (c *Client) Do(req *http.Request) (*http.Response, error) {
	if err := c.policy.CheckURL(req.URL); err != nil {
		return nil, err
	}
	return c.transport.RoundTrip(req)
}

// Close closes the idle connections.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// dialer opens connections to judged addresses only.
type dialer struct {
	policy  *Policy
	net     net.Dialer
	rootCAs *x509.CertPool
	proxy   *url.URL
	noProxy hostList
	direct  bool // NoProxy holds "*"
}

func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, portText, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, &DeniedError{Host: host, Reason: "its port can't be read"}
	}
	targets, err := d.policy.resolve(ctx, host, uint16(port))
	if err != nil {
		return nil, err
	}
	if d.proxy != nil && !d.bypass(host, targets[0].Addr()) {
		return d.dialProxy(ctx, targets[0])
	}
	return d.dialFirst(ctx, network, targets)
}

// dialFirst tries the addresses one after the other, the first family first, as RFC 8305 does without its head start.
func (d *dialer) dialFirst(ctx context.Context, network string, targets []netip.AddrPort) (net.Conn, error) {
	var first error
	for _, t := range targets {
		conn, err := d.net.DialContext(ctx, network, t.String())
		if err == nil {
			return conn, nil
		}
		if first == nil {
			first = err
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, first
}

func (d *dialer) bypass(host string, addr netip.Addr) bool {
	if d.direct {
		return true
	}
	name, err := canonicalHost(host)
	if err != nil {
		return false
	}
	return d.noProxy.matches(name, addr, false) || d.noProxy.matchesAddr(addr)
}
