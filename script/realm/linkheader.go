package realm

import (
	"strings"

	"github.com/causeway-dev/causeway/script"
)

// findLink looks for a relation in all link headers of an answer (RFC 8288). ok is false if a header is so broken that a
// link may have been missed.
func findLink(headers []script.Pair, rel string) (link string, ok bool) {
	ok = true
	for _, h := range headers {
		if !strings.EqualFold(h[0], "link") {
			continue
		}
		found, whole := linkIn(h[1], rel)
		if found != "" {
			return found, true
		}
		ok = ok && whole
	}
	return "", ok
}

// linkIn reads one header: a list of <target>; name=value; name="value". Commas and semicolons may stand in targets and
// in quoted values.
func linkIn(s, rel string) (link string, whole bool) {
	for {
		s = strings.TrimLeft(s, " \t,")
		if s == "" {
			return "", true
		}
		if s[0] != '<' {
			return "", false
		}
		target, rest, closed := strings.Cut(s[1:], ">")
		if !closed {
			return "", false
		}
		s = rest
		matches := false
		for {
			s = strings.TrimLeft(s, " \t")
			if s == "" || s[0] != ';' {
				break
			}
			var name, value string
			name, value, s = linkParameter(s[1:])
			if strings.EqualFold(name, "rel") {
				for _, one := range strings.Fields(value) {
					matches = matches || strings.EqualFold(one, rel)
				}
			}
		}
		if matches {
			return strings.TrimSpace(target), true
		}
		if s != "" && s[0] != ',' {
			return "", false
		}
	}
}

// linkParameter reads name=value up to the next semicolon or comma outside of quotes.
func linkParameter(s string) (name, value, rest string) {
	end := strings.IndexAny(s, "=;,")
	if end < 0 {
		return strings.TrimSpace(s), "", ""
	}
	name = strings.TrimSpace(s[:end])
	if s[end] != '=' {
		return name, "", s[end:]
	}
	s = strings.TrimLeft(s[end+1:], " \t")
	if s == "" || s[0] != '"' {
		if end = strings.IndexAny(s, ";,"); end < 0 {
			return name, strings.TrimSpace(s), ""
		}
		return name, strings.TrimSpace(s[:end]), s[end:]
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return name, b.String(), s[i+1:]
		case '\\':
			if i++; i < len(s) {
				b.WriteByte(s[i])
			}
		default:
			b.WriteByte(s[i])
		}
	}
	return name, b.String(), ""
}
