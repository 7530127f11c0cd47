package egress

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

// Mode says how the host lists are used. The rules for addresses hold in every mode.
type Mode string

// The modes.
const (
	ModeDenylist   Mode = "denylist"   // everything but the denied hosts
	ModeAllowlist  Mode = "allowlist"  // the allowed hosts and their subdomains only
	ModePermissive Mode = "permissive" // no rule for hosts
)

// DefaultRedirects is how many redirects a call follows.
const DefaultRedirects = 5

// DefaultDeny is the list of hosts that are denied unless an operator empties it.
var DefaultDeny = []string{
	"169.254.169.254", "metadata.google.internal", "localhost", "127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:169.254.169.254]",
}

// metadataHosts are names of metadata services; like their addresses they stay shut always.
var metadataHosts = map[string]bool{
	"metadata.google.internal": true, "metadata.goog": true, "metadata": true, "instance-data": true, "instance-data.ec2.internal": true,
}

// Resolver looks up the addresses of a host; *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Options are the settings of a policy (egress.… of the configuration).
type Options struct {
	Mode Mode // empty: denylist
	// Deny is added to DefaultDeny; empty but not nil drops the whole list. Entries are hosts ("a.example"), a host's
	// subdomains ("*.a.example"), addresses or address ranges (10.1.0.0/16).
	Deny  []string
	Allow []string // for ModeAllowlist: hosts with their subdomains, addresses or address ranges
	// KeepDefaultDeny keeps DefaultDeny although Deny is empty; workers of scripts set it.
	KeepDefaultDeny bool
	// AllowPrivate opens private, link-local and loopback addresses and the loopback entries of the deny list. Cloud
	// metadata stays shut.
	AllowPrivate bool
	// AllowPrivateOnly opens private addresses but neither loopback nor link-local ones: the policy of token endpoints.
	AllowPrivateOnly bool
	// Exceptions are addresses with port that are open whatever else holds, when a URL names them literally.
	Exceptions   []netip.AddrPort
	MaxRedirects int      // 0: DefaultRedirects
	Resolver     Resolver // nil: the system's
}

// Policy judges where a connection may lead. It is immutable and safe for concurrent use.
type Policy struct {
	mode         Mode
	deny, allow  hostList
	openLoopback bool
	openLink     bool
	openPrivate  bool
	exceptions   map[netip.AddrPort]bool
	maxRedirects int
	resolver     Resolver
}

// DeniedError says that a policy refuses a target. Its text names the host, never the rest of the URL.
type DeniedError struct {
	Host   string
	Reason string
}

func (e *DeniedError) Error() string {
	return fmt.Sprintf("the outbound policy refuses %s: %s", e.Host, e.Reason)
}

// IsDenied says whether err is a refusal of a policy.
func IsDenied(err error) bool {
	_, ok := errors.AsType[*DeniedError](err)
	return ok
}

// NewPolicy makes a policy, or says which setting can't be read.
func NewPolicy(o Options) (*Policy, error) {
	p := &Policy{
		mode: o.Mode, openPrivate: o.AllowPrivate || o.AllowPrivateOnly, openLoopback: o.AllowPrivate, openLink: o.AllowPrivate,
		maxRedirects: o.MaxRedirects, resolver: o.Resolver, exceptions: make(map[netip.AddrPort]bool, len(o.Exceptions)),
	}
	switch p.mode {
	case "":
		p.mode = ModeDenylist
	case ModeDenylist, ModeAllowlist, ModePermissive:
	default:
		return nil, fmt.Errorf("egress.mode: %q is none of denylist, allowlist, permissive", o.Mode)
	}
	deny := o.Deny
	if o.Deny == nil || len(o.Deny) > 0 || o.KeepDefaultDeny {
		deny = append(append([]string{}, DefaultDeny...), o.Deny...)
	}
	var err error
	if p.deny, err = parseHostList(deny, false); err != nil {
		return nil, fmt.Errorf("egress.deny: %w", err)
	}
	if p.allow, err = parseHostList(o.Allow, true); err != nil {
		return nil, fmt.Errorf("egress.allow: %w", err)
	}
	for _, e := range o.Exceptions {
		p.exceptions[netip.AddrPortFrom(e.Addr().Unmap(), e.Port())] = true
	}
	if p.maxRedirects == 0 {
		p.maxRedirects = DefaultRedirects
	}
	if p.resolver == nil {
		p.resolver = net.DefaultResolver
	}
	return p, nil
}

// MaxRedirects is how many redirects a call may follow.
func (p *Policy) MaxRedirects() int { return p.maxRedirects }

// CheckURL judges a URL by everything but the addresses behind its name, which are judged when it is dialled.
func (p *Policy) CheckURL(u *url.URL) error {
	if u == nil || u.Host == "" || u.Hostname() == "" {
		return &DeniedError{Host: "a URL without a host", Reason: "it can't be judged"}
	}
	var port uint16
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return &DeniedError{Host: u.Host, Reason: "only http and https are allowed"}
	case u.Port() != "":
		n, err := strconv.ParseUint(u.Port(), 10, 16)
		if err != nil {
			return &DeniedError{Host: u.Host, Reason: "its port can't be read"}
		}
		port = uint16(n)
	case u.Scheme == "https":
		port = 443
	default:
		port = 80
	}
	return p.checkHost(u.Hostname(), port)
}

// Check parses and judges a URL given as text; what can't be parsed is refused.
func (p *Policy) Check(rawURL string) (*url.URL, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, &DeniedError{Host: "a URL that can't be read", Reason: "it can't be judged"}
	}
	return u, p.CheckURL(u)
}

func (p *Policy) checkHost(host string, port uint16) error {
	name, err := canonicalHost(host)
	if err != nil {
		return &DeniedError{Host: host, Reason: err.Error()}
	}
	addr, isAddr, numeric := parseHost(name)
	if isAddr {
		if p.exceptions[netip.AddrPortFrom(addr, port)] {
			return nil
		}
		if err := p.checkAddr(host, addr); err != nil {
			return err
		}
	} else if numeric {
		return &DeniedError{Host: host, Reason: "it looks like an IPv4 address and is none"}
	}
	if metadataHosts[name] {
		return &DeniedError{Host: host, Reason: "cloud metadata is never reachable"}
	}
	return p.checkLists(host, name, addr, isAddr)
}

func (p *Policy) checkLists(host, name string, addr netip.Addr, isAddr bool) error {
	switch p.mode {
	case ModePermissive:
		return nil
	case ModeAllowlist:
		if !p.allow.matches(name, addr, isAddr) {
			return &DeniedError{Host: host, Reason: "it is not in the list of allowed hosts"}
		}
	case ModeDenylist:
		loopback := isAddr && classify(addr) == classLoopback || name == "localhost"
		if p.deny.matches(name, addr, isAddr) && (!loopback || !p.openLoopback) {
			return &DeniedError{Host: host, Reason: "it is in the list of denied hosts"}
		}
	}
	return nil
}

// checkAddr judges an address by the ranges only.
func (p *Policy) checkAddr(host string, addr netip.Addr) error {
	c := classify(addr)
	open := false
	switch c {
	case classPublic:
		open = true
	case classPrivate:
		open = p.openPrivate
	case classLinkLocal:
		open = p.openLink
	case classLoopback:
		open = p.openLoopback
	case classMetadata, classUnspecified, classReserved:
	}
	if !open {
		return &DeniedError{Host: host, Reason: "it leads to a " + classNames[c] + " address"}
	}
	return nil
}

// resolve looks a host up once and judges every answer; one bad answer refuses all. What it returns is what is dialled.
func (p *Policy) resolve(ctx context.Context, host string, port uint16) ([]netip.AddrPort, error) {
	if err := p.checkHost(host, port); err != nil {
		return nil, err
	}
	name, err := canonicalHost(host)
	if err != nil {
		return nil, &DeniedError{Host: host, Reason: err.Error()}
	}
	if addr, ok, _ := parseHost(name); ok {
		return []netip.AddrPort{netip.AddrPortFrom(addr, port)}, nil // judged by checkHost
	}
	addrs, err := p.resolver.LookupNetIP(ctx, "ip", name)
	if err != nil {
		return nil, err
	}
	if len(addrs) == 0 {
		return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	out := make([]netip.AddrPort, 0, len(addrs))
	for _, a := range addrs {
		a = a.Unmap()
		if err := p.checkAddr(host, a); err != nil {
			return nil, err
		}
		loopback := classify(a) == classLoopback && p.openLoopback
		if p.mode == ModeDenylist && p.deny.matchesAddr(a) && !loopback {
			return nil, &DeniedError{Host: host, Reason: "it leads to a denied address"}
		}
		out = append(out, netip.AddrPortFrom(a, port))
	}
	return out, nil
}

// canonicalHost is the form in which hosts are compared: lower case, no trailing dots, ASCII (RFC 5891; full-width digits
// and the like become plain ones).
func canonicalHost(host string) (string, error) {
	host = strings.ToLower(strings.TrimRight(host, "."))
	if host == "" {
		return "", errors.New("it has no name")
	}
	for i := range len(host) {
		if c := host[i]; c <= ' ' || c == 0x7f || strings.IndexByte(`"#%/<>?@\^`+"`{|}", c) >= 0 && !strings.Contains(host, ":") {
			return "", errors.New("its name holds a character that no host may have")
		}
	}
	for i := range len(host) {
		if host[i] >= 0x80 {
			ascii, err := idna.Lookup.ToASCII(host)
			if err != nil {
				return "", errors.New("its name can't be read")
			}
			return strings.TrimRight(ascii, "."), nil
		}
	}
	return host, nil
}
