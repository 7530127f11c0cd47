package providers

import (
	"errors"
	"net/url"
	"strings"
)

// ErrUnresolved says that a URL template still needs input.
var ErrUnresolved = errors.New("the URL needs a value that the connection has not")

// RenderURL renders a URL template against a connection's configuration, for authorization and token endpoints. The
// prefixes connectionConfig. and credentials. are optional, empty values count as missing, and values are percent-encoded
// unless raw is set (skip_encode of the catalog). The result is a normalised URL.
func (t *Template) RenderURL(config map[string]any, raw bool) (string, error) {
	text, ok := t.urlText(config, raw)
	if !ok || strings.Contains(text, "${") {
		return "", ErrUnresolved
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" || u.Host == "" {
		decoded, unescapeErr := url.PathUnescape(text)
		if unescapeErr != nil {
			return "", errors.New("the URL template gives no URL")
		}
		if u, err = url.Parse(decoded); err != nil || u.Scheme == "" || u.Host == "" {
			return "", errors.New("the URL template gives no URL")
		}
	}
	return u.String(), nil
}

// Missing says whether the template still needs input that the configuration hasn't.
func (t *Template) Missing(config map[string]any) bool {
	text, ok := t.urlText(config, true)
	return !ok || strings.Contains(text, "${")
}

func (t *Template) urlText(config map[string]any, raw bool) (string, bool) {
	get := func(name string) (any, bool) {
		name = strings.TrimPrefix(strings.TrimPrefix(name, "connectionConfig."), "credentials.")
		v, ok := config[name]
		if !ok {
			v, ok = walk(config, strings.Split(name, "."))
		}
		text := scalar(v, false)
		if !ok || text == "" {
			return nil, false
		}
		if raw {
			return text, true
		}
		return encodeComponent(text), true
	}
	return t.Fallback(&Scope{Get: get})
}

// encodeComponent percent-encodes as encodeURIComponent does.
func encodeComponent(text string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(text) {
		c := text[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_.!~*'()", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
	return b.String()
}
