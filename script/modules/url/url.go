// Package url is the module "url" and the globals URL and URLSearchParams: the parser of the URL Standard behind the
// classes that scripts know.
//
// Start reading with url.js.
package url

import (
	_ "embed"
	"encoding/hex"
	"strings"

	"github.com/dop251/goja"
	whatwg "github.com/nlnwa/whatwg-url/url"

	"github.com/causeway-dev/causeway/script/modules"
	"github.com/causeway-dev/causeway/script/modules/buffer"
)

//go:embed url.js
var source string

// Module is the module "url".
func Module() modules.Module {
	return modules.Module{Name: "url", Source: source, Natives: natives}
}

func natives(env *modules.Env) map[string]modules.Native {
	vm := env.VM
	return map[string]modules.Native{
		"parse": func(c goja.FunctionCall) goja.Value { return parse(vm, c.Argument(0).String(), c.Argument(1)) },
		"set": func(c goja.FunctionCall) goja.Value {
			return set(vm, c.Argument(0).String(), c.Argument(1).String(), c.Argument(2).String())
		},
		"formEncode": func(c goja.FunctionCall) goja.Value { return vm.ToValue(formEncode(c.Argument(0).String())) },
		"formDecode": func(c goja.FunctionCall) goja.Value { return vm.ToValue(formDecode(c.Argument(0).String())) },
	}
}

// parse returns a URL's parts, in the order that url.js names them; null for none.
func parse(vm *goja.Runtime, input string, base goja.Value) goja.Value {
	var u *whatwg.Url
	var err error
	if goja.IsUndefined(base) {
		u, err = whatwg.Parse(input)
	} else {
		u, err = whatwg.ParseRef(base.String(), input)
	}
	if err != nil {
		return goja.Null()
	}
	return parts(vm, u)
}

func parts(vm *goja.Runtime, u *whatwg.Url) goja.Value {
	protocol, origin := u.Protocol(), "null"
	switch protocol {
	case "http:", "https:", "ws:", "wss:", "ftp:":
		origin = protocol + "//" + u.Host()
	}
	return vm.NewArray(u.Href(false), origin, protocol, u.Username(), u.Password(), u.Host(), u.Hostname(), u.Port(),
		u.Pathname(), u.Search(), u.Hash())
}

// set changes one part; null when that isn't possible.
func set(vm *goja.Runtime, href, part, value string) goja.Value {
	if part == "href" {
		return parse(vm, value, goja.Undefined())
	}
	u, err := whatwg.Parse(href)
	if err != nil {
		return goja.Null()
	}
	switch part {
	case "protocol":
		u.SetProtocol(value)
	case "username":
		u.SetUsername(value)
	case "password":
		u.SetPassword(value)
	case "host":
		u.SetHost(value)
	case "hostname":
		u.SetHostname(value)
	case "port":
		u.SetPort(value)
	case "pathname":
		u.SetPathname(value)
	case "search":
		u.SetSearch(value)
	case "hash":
		u.SetHash(value)
	}
	return parts(vm, u)
}

const upperHex = "0123456789ABCDEF"

// formEncode is the serializer of application/x-www-form-urlencoded (URL Standard 5.2).
func formEncode(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '*', c == '-', c == '.', c == '_':
			b.WriteByte(c)
		case c == ' ':
			b.WriteByte('+')
		default:
			b.WriteByte('%')
			b.WriteByte(upperHex[c>>4])
			b.WriteByte(upperHex[c&15])
		}
	}
	return b.String()
}

// formDecode is its parser for one name or value; broken escapes stay as they are.
func formDecode(s string) string {
	if !strings.ContainsAny(s, "+%") {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '+' {
			c = ' '
		}
		if c == '%' && i+2 < len(s) {
			var b [1]byte
			if _, err := hex.Decode(b[:], []byte(s[i+1:i+3])); err == nil {
				c = b[0]
				i += 2
			}
		}
		out = append(out, c)
	}
	return buffer.DecodeUTF8(out)
}
