package proxy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/causeway-dev/causeway/providers"
)

// body is what goes out: the caller's bytes, unless the provider adds fields to JSON bodies. Then they are merged, the provider's fields
// winning, and numbers keep their digits.
func body(provider *providers.Provider, call *Call, scope *providers.Scope) ([]byte, error) {
	if provider.Proxy.Body == nil || !strings.Contains(call.Header.Get("Content-Type"), "json") {
		return call.Body, nil
	}
	switch call.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
	default:
		return call.Body, nil
	}
	fields := map[string]json.RawMessage{}
	if len(bytes.TrimSpace(call.Body)) > 0 {
		if json.Unmarshal(call.Body, &fields) != nil {
			return call.Body, nil // no object: left alone
		}
	}
	for name, value := range provider.Proxy.Body {
		if rendered := render(value, scope); rendered != nil {
			raw, err := json.Marshal(rendered)
			if err != nil {
				return nil, err
			}
			fields[name] = raw
		}
	}
	return json.Marshal(fields)
}

// render fills the templates at the leaves of a provider's body. What doesn't resolve, and what is left empty by that, is nil.
func render(value any, scope *providers.Scope) any {
	nested, ok := value.(map[string]any)
	if !ok {
		text, resolved := providers.Compile(fmt.Sprint(value)).Value(scope)
		if !resolved {
			return nil
		}
		return text
	}
	out := map[string]any{}
	for name, inner := range nested {
		if v := render(inner, scope); v != nil {
			out[name] = v
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}
