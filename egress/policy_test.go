package egress

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// names is a resolver with fixed answers.
type names map[string][]string

func (n names) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	var out []netip.Addr
	for _, a := range n[host] {
		out = append(out, netip.MustParseAddr(a))
	}
	if out == nil {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return out, nil
}

func policyOf(t *testing.T, o Options) *Policy {
	t.Helper()
	p, err := NewPolicy(o)
	require.NoError(t, err)
	return p
}

func TestEverySpellingOfAForbiddenAddressIsRefused(t *testing.T) {
	p := policyOf(t, Options{})
	for _, u := range []string{
		"http://127.0.0.1", "http://127.1", "http://127.0.1", "http://2130706433", "http://0x7f.0.0.1", "http://0x7f000001", "http://0177.0.0.1", "http://017700000001",
		"http://127.0.0.1.", "http://127.0.0.1:8080/x", "http://0", "http://0.0.0.0", "http://[::]", "http://[::1]", "http://[0:0:0:0:0:0:0:1]",
		"http://[::ffff:127.0.0.1]", "http://[::ffff:7f00:1]", "http://[::127.0.0.1]", "http://[64:ff9b::7f00:1]", "http://[64:ff9b::10.0.0.1]", "http://[64:ff9b:1::a00:1]",
		"http://[2002:7f00:1::]", "http://[2002:a9fe:a9fe::]", "http://[2001:0:7f00:1::]", "http://[2001:0:1:1:0:0:80ff:fffe]", "http://[fe80::1]", "http://[fe80::1%25eth0]",
		"http://[fd00::1]", "http://[fec0::1]", "http://[ff02::1]", "http://[2606:4700::5efe:10.0.0.1]",
		"http://10.0.0.1", "http://172.16.0.1", "http://172.31.255.255", "http://192.168.1.1", "http://100.64.0.1", "http://169.254.1.1", "http://0xA9FEA9FE", "http://169.254.169.254",
		"http://224.0.0.1", "http://255.255.255.255", "http://192.0.0.192", "http://100.100.100.200", "http://168.63.129.16",
		"http://localhost", "http://LOCALHOST.", "http://metadata.google.internal", "http://Metadata.Google.Internal./computeMetadata", "http://metadata",
		"http://１２７.０.０.１", "http://ⓛocalhost", "http://1.2.3.4.5", "http://256.1.1.1", "http://0x100000000", "http://1.2.3.999", "http://08.1.1.1",
		"ftp://api.example.com", "file:///etc/passwd", "gopher://x", "//x", "http://", "http:///x", "http://a b", "http://x:99999", "", "%", "http://[::1", "javascript:1",
	} {
		_, err := p.Check(u)
		assert.True(t, IsDenied(err), u)
	}
	for _, u := range []string{
		"http://api.example.com", "https://API.example.com.:8443/x?y", "http://8.8.8.8", "http://172.32.0.1", "http://100.128.0.1", "http://[2606:4700::1]", "http://[64:ff9b::808:808]",
		"http://1password.com", "http://a.1e100.net", "https://münchen.example", "http://x.0x0.st",
	} {
		_, err := p.Check(u)
		require.NoError(t, err, u)
	}
}

func TestPrivateTargetsOpenButMetadataNever(t *testing.T) {
	p := policyOf(t, Options{AllowPrivate: true})
	for _, u := range []string{"http://127.0.0.1:8080", "http://localhost", "http://[::1]", "http://[::ffff:127.0.0.1]", "http://10.0.0.1", "http://169.254.1.1", "http://[fe80::1]", "http://192.168.0.1", "http://127.1"} {
		_, err := p.Check(u)
		require.NoError(t, err, u)
	}
	for _, o := range []Options{{AllowPrivate: true}, {AllowPrivate: true, Deny: []string{}}, {AllowPrivate: true, Mode: ModePermissive}, {AllowPrivate: true, Mode: ModeAllowlist, Allow: []string{"169.254.169.254", "metadata.google.internal", "0.0.0.0"}}} {
		p := policyOf(t, o)
		for _, u := range []string{"http://169.254.169.254", "http://[::ffff:169.254.169.254]", "http://[64:ff9b::a9fe:a9fe]", "http://[fd00:ec2::254]", "http://metadata.google.internal", "http://0.0.0.0", "http://[::]", "http://2852039166", "http://169.254.170.2"} {
			_, err := p.Check(u)
			assert.True(t, IsDenied(err), "%s with %+v", u, o)
		}
	}
	token := policyOf(t, Options{AllowPrivateOnly: true})
	for u, open := range map[string]bool{"http://10.0.0.1": true, "http://127.0.0.1": false, "http://169.254.1.1": false, "http://localhost": false} {
		_, err := token.Check(u)
		assert.Equal(t, open, err == nil, u)
	}
}

func TestHostLists(t *testing.T) {
	for _, c := range []struct {
		name    string
		options Options
		open    []string
		shut    []string
	}{
		{"added to the standard list", Options{Deny: []string{"Evil.example.", "*.corp.example", "9.9.9.9", "20.0.0.0/8"}, AllowPrivate: false},
			[]string{"sub.evil.example", "corp.example", "8.8.8.8"}, []string{"evil.example", "EVIL.example.", "a.corp.example", "9.9.9.9", "20.1.2.3", "[::ffff:9.9.9.9]", "localhost"}},
		{"emptied", Options{Deny: []string{}}, []string{"localhost"}, []string{"127.0.0.1", "metadata.google.internal"}},
		{"emptied where scripts run", Options{Deny: []string{}, KeepDefaultDeny: true}, nil, []string{"localhost"}},
		{"allow list", Options{Mode: ModeAllowlist, Allow: []string{"good.example", "1.1.1.0/24", "10.0.0.1"}},
			[]string{"good.example", "a.good.example", "1.1.1.9"}, []string{"notgood.example", "good.example.evil", "1.1.2.1", "10.0.0.1", "x.test"}},
		{"permissive", Options{Mode: ModePermissive, Deny: []string{"evil.example"}}, []string{"evil.example", "localhost"}, []string{"10.0.0.1", "127.0.0.1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := policyOf(t, c.options)
			for _, host := range c.open {
				_, err := p.Check("http://" + host)
				require.NoError(t, err, host)
			}
			for _, host := range c.shut {
				_, err := p.Check("http://" + host)
				assert.True(t, IsDenied(err), host)
			}
		})
	}
	for _, o := range []Options{{Mode: "open"}, {Deny: []string{"a b"}}, {Allow: []string{"1.2.3.999"}}} {
		_, err := NewPolicy(o)
		assert.ErrorContains(t, err, "egress.")
	}
}

func TestAnExceptionOpensOneAddressAndPort(t *testing.T) {
	p := policyOf(t, Options{Exceptions: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:3007")}})
	for u, open := range map[string]bool{
		"http://127.0.0.1:3007/v1/tasks": true, "http://127.0.0.1:3008": false, "http://127.0.0.1": false, "http://localhost:3007": false, "http://127.0.0.2:3007": false,
	} {
		_, err := p.Check(u)
		assert.Equal(t, open, err == nil, u)
	}
}

func TestNamesAreJudgedByAllTheirAddresses(t *testing.T) {
	resolver := names{"good.test": {"8.8.8.8", "2606:4700::1"}, "mixed.test": {"8.8.8.8", "10.0.0.1"}, "meta.test": {"169.254.169.254"}, "loop.test": {"127.0.0.1"}, "nat.test": {"64:ff9b::a00:1"}, "denied.test": {"9.9.9.9"}}
	p := policyOf(t, Options{Resolver: resolver, Deny: []string{"9.9.9.9"}})
	got, err := p.resolve(t.Context(), "good.test", 443)
	require.NoError(t, err)
	assert.Equal(t, []netip.AddrPort{netip.MustParseAddrPort("8.8.8.8:443"), netip.MustParseAddrPort("[2606:4700::1]:443")}, got)
	for _, host := range []string{"mixed.test", "meta.test", "loop.test", "nat.test", "denied.test"} {
		_, err := p.resolve(t.Context(), host, 443)
		assert.True(t, IsDenied(err), host)
	}
	_, err = p.resolve(t.Context(), "none.test", 443)
	require.Error(t, err)
	assert.False(t, IsDenied(err))
	open := policyOf(t, Options{Resolver: resolver, AllowPrivate: true})
	for host, allowed := range map[string]bool{"mixed.test": true, "loop.test": true, "meta.test": false} {
		_, err := open.resolve(t.Context(), host, 80)
		assert.Equal(t, allowed, err == nil, host)
	}
}

// rebinding answers with a public address first and with loopback afterwards.
type rebinding struct{ asked int }

func (r *rebinding) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	r.asked++
	if r.asked == 1 {
		return []netip.Addr{netip.MustParseAddr("192.0.2.1").Next()}, nil
	}
	return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
}

func TestANameCannotChangeItsMind(t *testing.T) {
	r := &rebinding{asked: 1}
	client, err := NewClient(policyOf(t, Options{Resolver: r}), ClientOptions{DialTimeout: time.Second})
	require.NoError(t, err)
	defer client.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://rebind.test/", http.NoBody)
	require.NoError(t, err)
	resp, err := client.Do(req)
	if err == nil {
		_ = resp.Body.Close()
	}
	assert.True(t, IsDenied(err))
	assert.Equal(t, 2, r.asked, "it is asked once for a connection, and the answer is what is dialled")
}

func TestRedirects(t *testing.T) {
	base, err := url.Parse("https://a.test/x/y?z=1")
	require.NoError(t, err)
	for _, c := range []struct {
		status   int
		location string
		want     string
		ok, bad  bool
	}{
		{302, "/n", "https://a.test/n", true, false},
		{301, "n?q=1#part", "https://a.test/x/n?q=1", true, false},
		{307, "?page=2", "https://a.test/x/y?page=2", true, false},
		{308, "//b.test/m", "https://b.test/m", true, false},
		{303, "http://u:p@b.test:80/m%2Fn o", "http://b.test:80/m%2Fn%20o", true, false},
		{302, "", "", false, false},
		{304, "/n", "", false, false},
		{200, "/n", "", false, false},
		{302, "mailto:x@y", "", true, true},
		{302, "http://[::1", "", true, true},
	} {
		resp := &http.Response{StatusCode: c.status, Header: http.Header{"Location": {c.location}}}
		got, ok, err := RedirectLocation(base, resp)
		assert.Equal(t, c.ok, ok, c.location)
		assert.Equal(t, c.bad, err != nil, c.location)
		if c.want != "" {
			assert.Equal(t, c.want, got.String())
		}
	}
	for a, same := range map[string]bool{"https://A.test:443": true, "https://a.test": true, "http://a.test": false, "https://a.test:444": false, "https://b.a.test": false} {
		other, err := url.Parse(a)
		require.NoError(t, err)
		assert.Equal(t, same, SameOrigin(base, other), a)
	}
}
