package soap

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"

	"github.com/dop251/goja"

	"github.com/causeway-dev/causeway/script/modules"
)

// Bounds of a document.
const (
	maxDocument = 64 << 20 // bytes
	maxDepth    = 500
)

// element is an open element with the namespaces that are in force in it.
type element struct {
	object   *goja.Object
	scope    map[string]string // URI by prefix
	children []any
	text     strings.Builder
}

// parse returns the root of a document: {local, ns, scope, attributes: [{name, ns, local, value}], children, text}. Directives, comments
// and what they might refer to are passed over.
func parse(env *modules.Env, text string) goja.Value {
	if len(text) > maxDocument {
		env.Throw("Error", "", "The document is larger than %d bytes", maxDocument)
	}
	d := xml.NewDecoder(strings.NewReader(text))
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil } // it is decoded already
	var open []*element
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			env.Throw("Error", "", "The document is no XML: %v", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			if len(open) == maxDepth {
				env.Throw("Error", "", "The document is nested more than %d times", maxDepth)
			}
			open = append(open, start(env, token, open))
		case xml.CharData:
			if len(open) > 0 {
				open[len(open)-1].text.Write(token)
			}
		case xml.EndElement:
			e := open[len(open)-1]
			open = open[:len(open)-1]
			_ = e.object.Set("children", env.VM.NewArray(e.children...))
			_ = e.object.Set("text", e.text.String())
			if len(open) == 0 {
				return e.object
			}
			parent := open[len(open)-1]
			parent.children = append(parent.children, e.object)
		}
	}
	env.Throw("Error", "", "The document is no XML: it has no element")
	return nil
}

func start(env *modules.Env, token xml.StartElement, open []*element) *element {
	e := &element{object: env.VM.NewObject(), scope: map[string]string{}}
	if len(open) > 0 {
		e.scope = open[len(open)-1].scope
	}
	own := map[string]string{}
	for _, a := range token.Attr {
		switch {
		case a.Name.Space == "xmlns":
			own[a.Name.Local] = a.Value
		case a.Name.Space == "" && a.Name.Local == "xmlns":
			own[""] = a.Value
		}
	}
	if len(own) > 0 {
		outer := e.scope
		e.scope = map[string]string{}
		for _, names := range []map[string]string{outer, own} {
			for prefix, uri := range names {
				e.scope[prefix] = uri
			}
		}
	}
	var attributes []any
	for _, a := range token.Attr {
		if a.Name.Space == "xmlns" || a.Name.Space == "" && a.Name.Local == "xmlns" {
			continue
		}
		o := env.VM.NewObject()
		_ = o.Set("name", qualified(e.scope, a.Name))
		_ = o.Set("ns", a.Name.Space)
		_ = o.Set("local", a.Name.Local)
		_ = o.Set("value", a.Value)
		attributes = append(attributes, o)
	}
	scope := env.VM.NewObject()
	for prefix, uri := range e.scope {
		_ = scope.Set(prefix, uri)
	}
	_ = e.object.Set("local", token.Name.Local)
	_ = e.object.Set("ns", token.Name.Space)
	_ = e.object.Set("scope", scope)
	_ = e.object.Set("attributes", env.VM.NewArray(attributes...))
	return e
}

// qualified is an attribute's name with a prefix that stands for its namespace.
func qualified(scope map[string]string, name xml.Name) string {
	if name.Space == "" {
		return name.Local
	}
	found := ""
	for prefix, uri := range scope {
		if uri == name.Space && prefix != "" && (found == "" || prefix < found) {
			found = prefix
		}
	}
	if found == "" { // no such namespace: the parser left the prefix
		found = name.Space
	}
	return found + ":" + name.Local
}
