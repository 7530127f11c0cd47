package egress

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"strings"
)

// class is what an address is to the policy.
type class int

const (
	classPublic class = iota
	classPrivate
	classLinkLocal
	classLoopback
	classMetadata    // shut whatever is allowed
	classUnspecified // shut whatever is allowed: connects to this host
	classReserved    // multicast, broadcast, documentation and the like: nobody's API lives there
)

var classNames = map[class]string{
	classPublic: "public", classPrivate: "private", classLinkLocal: "link-local", classLoopback: "loopback",
	classMetadata: "cloud metadata", classUnspecified: "unspecified", classReserved: "reserved",
}

// metadataAddrs are the addresses at which clouds hand out a machine's credentials: AWS (instance, ECS, EKS, IPv6), Azure
// (instance and wire server), Google (IPv6), Alibaba, Oracle.
var metadataAddrs = parseAddrs("169.254.169.254", "169.254.170.2", "169.254.170.23", "fd00:ec2::254", "fd00:ec2::23",
	"168.63.129.16", "fd20:ce::254", "100.100.100.200", "192.0.0.192")

var classes = []struct {
	prefix netip.Prefix
	class  class
}{
	{netip.MustParsePrefix("0.0.0.0/32"), classUnspecified},
	{netip.MustParsePrefix("0.0.0.0/8"), classReserved},
	{netip.MustParsePrefix("10.0.0.0/8"), classPrivate},
	{netip.MustParsePrefix("172.16.0.0/12"), classPrivate},
	{netip.MustParsePrefix("192.168.0.0/16"), classPrivate},
	{netip.MustParsePrefix("100.64.0.0/10"), classPrivate}, // RFC 6598, carrier-grade NAT
	{netip.MustParsePrefix("127.0.0.0/8"), classLoopback},
	{netip.MustParsePrefix("169.254.0.0/16"), classLinkLocal},
	{netip.MustParsePrefix("192.0.0.0/24"), classReserved},    // RFC 6890
	{netip.MustParsePrefix("192.0.2.0/24"), classReserved},    // RFC 5737
	{netip.MustParsePrefix("198.18.0.0/15"), classReserved},   // RFC 2544
	{netip.MustParsePrefix("198.51.100.0/24"), classReserved}, // RFC 5737
	{netip.MustParsePrefix("203.0.113.0/24"), classReserved},  // RFC 5737
	{netip.MustParsePrefix("224.0.0.0/3"), classReserved},     // multicast, class E, broadcast
	{netip.MustParsePrefix("::/128"), classUnspecified},
	{netip.MustParsePrefix("::1/128"), classLoopback},
	{netip.MustParsePrefix("fc00::/7"), classPrivate},
	{netip.MustParsePrefix("fe80::/10"), classLinkLocal},
	{netip.MustParsePrefix("fec0::/10"), classPrivate}, // RFC 3879, deprecated site-local
	{netip.MustParsePrefix("ff00::/8"), classReserved},
	{netip.MustParsePrefix("100::/64"), classReserved},       // RFC 6666, discard only
	{netip.MustParsePrefix("2001:db8::/32"), classReserved},  // RFC 3849
	{netip.MustParsePrefix("3fff::/20"), classReserved},      // RFC 9637
	{netip.MustParsePrefix("5f00::/16"), classReserved},      // RFC 9602
	{netip.MustParsePrefix("64:ff9b:1::/48"), classReserved}, // RFC 8215: where a local NAT64 leads is not knowable
}

func parseAddrs(texts ...string) map[netip.Addr]bool {
	m := make(map[netip.Addr]bool, len(texts))
	for _, t := range texts {
		m[netip.MustParseAddr(t)] = true
	}
	return m
}

// classify says what an address is. An IPv4 address inside an IPv6 one is judged as well, and the worse verdict counts.
func classify(a netip.Addr) class {
	a = a.WithZone("").Unmap()
	worst := classifyOne(a)
	for _, inner := range embedded(a) {
		if c := classifyOne(inner); c > worst {
			worst = c
		}
	}
	return worst
}

func classifyOne(a netip.Addr) class {
	if metadataAddrs[a] {
		return classMetadata
	}
	for _, c := range classes {
		if c.prefix.Contains(a) {
			return c.class
		}
	}
	return classPublic
}

var (
	nat64   = netip.MustParsePrefix("64:ff9b::/96") // RFC 6052
	sixToV4 = netip.MustParsePrefix("2002::/16")    // RFC 3056
	teredo  = netip.MustParsePrefix("2001::/32")    // RFC 4380
	compat  = netip.MustParsePrefix("::/96")        // RFC 4291 §2.5.5.1
)

// embedded returns the IPv4 addresses that an IPv6 address leads to or names.
func embedded(a netip.Addr) []netip.Addr {
	if !a.Is6() {
		return nil
	}
	b := a.As16()
	v4 := func(at int) netip.Addr { return netip.AddrFrom4([4]byte(b[at : at+4])) }
	switch {
	case nat64.Contains(a):
		return []netip.Addr{v4(12)}
	case sixToV4.Contains(a):
		return []netip.Addr{v4(2)}
	case teredo.Contains(a):
		client := binary.BigEndian.Uint32(b[12:]) ^ 0xffffffff // sent inverted
		return []netip.Addr{v4(4), netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, client)))}
	case compat.Contains(a) && a != netip.IPv6Unspecified() && a != netip.IPv6Loopback():
		return []netip.Addr{v4(12)}
	case b[8]&0xfd == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe: // ISATAP, RFC 5214
		return []netip.Addr{v4(12)}
	}
	return nil
}

// parseHost reads a host as an address in every spelling that some resolver or library takes for one: dotted decimal,
// octal and hexadecimal parts, fewer than four parts, one integer, IPv6 with or without brackets. numeric says that the
// host can only be meant as an IPv4 address although it is none (WHATWG URL: the last label is a number), which is refused.
func parseHost(host string) (addr netip.Addr, isAddr, numeric bool) {
	host = strings.TrimSuffix(host, ".")
	if h, ok := strings.CutPrefix(host, "["); ok {
		host = strings.TrimSuffix(h, "]")
	}
	if a, err := netip.ParseAddr(host); err == nil {
		return a.Unmap(), true, true
	}
	last := host[strings.LastIndexByte(host, '.')+1:]
	if !isNumber(last) {
		return netip.Addr{}, false, false
	}
	a, ok := parseLooseIPv4(host)
	return a, ok, true
}

func isNumber(label string) bool {
	if label == "" {
		return false
	}
	if strings.Trim(label, "0123456789") == "" {
		return true
	}
	hex, ok := strings.CutPrefix(strings.ToLower(label), "0x")
	return ok && strings.Trim(hex, "0123456789abcdef") == ""
}

// parseLooseIPv4 is the IPv4 parser of the WHATWG URL standard, which is what inet_aton takes too.
func parseLooseIPv4(host string) (netip.Addr, bool) {
	parts := strings.Split(host, ".")
	if len(parts) > 4 {
		return netip.Addr{}, false
	}
	var sum uint64
	for i, part := range parts {
		n, ok := parsePart(part)
		if !ok {
			return netip.Addr{}, false
		}
		if i < len(parts)-1 {
			if n > 255 {
				return netip.Addr{}, false
			}
			sum |= n << (8 * (3 - i))
			continue
		}
		if n >= 1<<(8*(5-len(parts))) {
			return netip.Addr{}, false
		}
		sum |= n
	}
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, uint32(sum)))), true
}

func parsePart(part string) (uint64, bool) {
	base := 10
	lower := strings.ToLower(part)
	switch {
	case part == "":
		return 0, false
	case strings.HasPrefix(lower, "0x"):
		lower, base = lower[2:], 16
	case len(lower) > 1 && lower[0] == '0':
		lower, base = lower[1:], 8
	}
	if lower == "" {
		return 0, true // "0x" alone is zero
	}
	n, err := strconv.ParseUint(lower, base, 33)
	return n, err == nil
}
