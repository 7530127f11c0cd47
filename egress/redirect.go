package egress

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
)

// RedirectLocation returns where an answer points, resolved against the URL it answers, without fragment and user
// information; ok is false if the answer is no redirect. base has to be the request's full URL.
func RedirectLocation(base *url.URL, resp *http.Response) (location *url.URL, ok bool, err error) {
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return nil, false, nil
	}
	text := resp.Header.Get("Location")
	if text == "" {
		return nil, false, nil
	}
	text, _, _ = strings.Cut(text, "#")
	u, err := url.Parse(escapeUnsafe(text))
	if err != nil {
		return nil, true, errors.New("the redirect's location can't be read")
	}
	u = base.ResolveReference(u)
	u.User, u.Fragment, u.RawFragment = nil, "", ""
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, true, errors.New("the redirect's location is no http or https URL")
	}
	return u, true, nil
}

// escapeUnsafe percent-encodes what may not stand in a URL but does in headers: blanks and bytes beyond ASCII.
func escapeUnsafe(text string) string {
	clean := true
	for i := range len(text) {
		if text[i] <= ' ' || text[i] >= 0x7f {
			clean = false
			break
		}
	}
	if clean {
		return text
	}
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(text) {
		if c := text[i]; c <= ' ' || c >= 0x7f {
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// RedirectMethod is the method of the next request, and whether the body goes along (RFC 9110 §15.4, as browsers do it:
// 303 turns everything but GET and HEAD into GET, 301 and 302 turn POST into GET).
func RedirectMethod(status int, method string) (next string, keepBody bool) {
	switch {
	case status == http.StatusSeeOther && method != http.MethodGet && method != http.MethodHead:
		return http.MethodGet, false
	case (status == http.StatusMovedPermanently || status == http.StatusFound) && method == http.MethodPost:
		return http.MethodGet, false
	}
	return method, true
}

// SameOrigin compares scheme, host and port, with the default ports filled in.
func SameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && effectivePort(a) == effectivePort(b)
}

func effectivePort(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	if u.Scheme == "https" {
		return "443"
	}
	return "80"
}
