package egress

import (
	"fmt"
	"net/netip"
	"strings"
)

// hostList is a list of hosts, subdomains of hosts, addresses and ranges.
type hostList struct {
	names    map[string]bool
	suffixes []string // with leading dot
	prefixes []netip.Prefix
}

func parseHostList(entries []string, withSubdomains bool) (hostList, error) {
	l := hostList{names: make(map[string]bool, len(entries))}
	for _, entry := range entries {
		text := strings.TrimSpace(entry)
		if prefix, err := netip.ParsePrefix(text); err == nil {
			l.prefixes = append(l.prefixes, prefix.Masked())
			continue
		}
		onlySub := false
		if rest, ok := strings.CutPrefix(text, "*"); ok && strings.HasPrefix(rest, ".") {
			text, onlySub = rest[1:], true
		} else if rest, ok := strings.CutPrefix(text, "."); ok {
			text, onlySub = rest, true
		}
		name, err := canonicalHost(text)
		if err != nil {
			return hostList{}, fmt.Errorf("entry %q: %w", entry, err)
		}
		addr, isAddr, numeric := parseHost(name)
		switch {
		case isAddr:
			l.prefixes = append(l.prefixes, netip.PrefixFrom(addr, addr.BitLen()))
			continue
		case numeric:
			return hostList{}, fmt.Errorf("entry %q looks like an address and is none", entry)
		}
		if !onlySub {
			l.names[name] = true
		}
		if onlySub || withSubdomains {
			l.suffixes = append(l.suffixes, "."+name)
		}
	}
	return l, nil
}

func (l *hostList) matches(name string, addr netip.Addr, isAddr bool) bool {
	if isAddr {
		return l.matchesAddr(addr)
	}
	if l.names[name] {
		return true
	}
	for _, s := range l.suffixes {
		if strings.HasSuffix(name, s) {
			return true
		}
	}
	return false
}

// matchesAddr compares an address and the IPv4 addresses inside it.
func (l *hostList) matchesAddr(addr netip.Addr) bool {
	addr = addr.WithZone("").Unmap()
	for _, a := range append(embedded(addr), addr) {
		for _, p := range l.prefixes {
			if p.Contains(a) {
				return true
			}
		}
	}
	return false
}
