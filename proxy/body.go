package proxy

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/providers"
)

// body is what goes out: the caller's bytes, unless the provider's entry adds fields. Then they are merged into JSON objects and forms, the
// provider's fields winning; everything else keeps its bytes, so numbers keep their digits. Other bodies are left alone.
func body(block *providers.Proxy, call *Call, scope *providers.Scope) ([]byte, error) {
	if len(block.Body) == 0 {
		return call.Body, nil
	}
	switch call.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
	default:
		return call.Body, nil
	}
	fields := render(block.Body, scope)
	if len(fields) == 0 {
		return call.Body, nil
	}
	mediaType, params, err := mime.ParseMediaType(call.Header.Get("Content-Type"))
	if err != nil {
		mediaType = ""
	}
	switch {
	case mediaType == "application/x-www-form-urlencoded":
		return mergeForm(call.Body, fields), nil
	case mediaType == "multipart/form-data" && params["boundary"] != "":
		return mergeMultipart(call.Body, params["boundary"], fields)
	case mediaType == "" || mediaType == "application/json" || strings.HasSuffix(mediaType, "+json"):
		return mergeJSON(call.Body, fields), nil
	}
	return call.Body, nil
}

// field is a rendered field: a text, or nested fields.
type field struct {
	name   string
	text   string
	fields []field // not nil: an object
}

// render fills the templates at the leaves of a provider's body. What doesn't resolve, and what is left empty by that, is dropped.
func render(block []providers.BodyField, scope *providers.Scope) []field {
	var out []field
	for _, f := range block {
		if f.Value == nil {
			if inner := render(f.Fields, scope); len(inner) > 0 {
				out = append(out, field{name: f.Name, fields: inner})
			}
			continue
		}
		if text, resolved := f.Value.Value(scope); resolved {
			out = append(out, field{name: f.Name, text: text})
		}
	}
	return out
}

// member is one member of a JSON object, its value's bytes as they were.
type member struct {
	name string
	raw  json.RawMessage
}

// mergeJSON puts the fields into an object. A body that is none is left alone; no body is an empty object.
func mergeJSON(raw []byte, fields []field) []byte {
	members, ok := membersOf(raw)
	if !ok {
		return raw
	}
	for _, f := range fields {
		value := valueOf(f, nil)
		at := -1
		kept := members[:0]
		for _, m := range members {
			switch {
			case m.name != f.name:
				kept = append(kept, m)
			case at < 0:
				at = len(kept)
				kept = append(kept, member{f.name, valueOf(f, m.raw)})
			}
		}
		if members = kept; at < 0 {
			members = append(members, member{f.name, value})
		}
	}
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range members {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(quote(m.name))
		b.WriteByte(':')
		b.Write(m.raw)
	}
	b.WriteByte('}')
	return b.Bytes()
}

// valueOf is a field's JSON, merged into the object that stands in its place.
func valueOf(f field, old json.RawMessage) json.RawMessage {
	if f.fields == nil {
		return quote(f.text)
	}
	if _, ok := membersOf(old); !ok {
		old = nil
	}
	return mergeJSON(old, f.fields)
}

func quote(text string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(text) // a text always has a JSON form
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func membersOf(raw []byte) ([]member, bool) {
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil, true
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, false
	}
	var out []member
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, false
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, false
		}
		text, _ := name.(string)
		out = append(out, member{text, value})
	}
	return out, true
}

// flat names the leaves as forms do: a[b].
func flat(fields []field, prefix string) [][2]string {
	var out [][2]string
	for _, f := range fields {
		name := f.name
		if prefix != "" {
			name = prefix + "[" + f.name + "]"
		}
		if f.fields != nil {
			out = append(out, flat(f.fields, name)...)
		} else {
			out = append(out, [2]string{name, f.text})
		}
	}
	return out
}

func mergeForm(raw []byte, fields []field) []byte {
	form := string(raw)
	for _, f := range flat(fields, "") {
		form = setQuery(form, f[0], f[1])
	}
	return []byte(form)
}

// mergeMultipart copies the parts of a form but for those that the provider's fields replace.
func mergeMultipart(raw []byte, boundary string, fields []field) ([]byte, error) {
	pairs := flat(fields, "")
	ours := make(map[string]bool, len(pairs))
	for _, f := range pairs {
		ours[f[0]] = true
	}
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	if err := w.SetBoundary(boundary); err != nil {
		return nil, badMultipart(err)
	}
	r := multipart.NewReader(bytes.NewReader(raw), boundary)
	for len(raw) > 0 {
		part, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, badMultipart(err)
		}
		if ours[part.FormName()] {
			continue
		}
		out, err := w.CreatePart(part.Header)
		if err != nil {
			return nil, badMultipart(err)
		}
		if _, err := io.Copy(out, part); err != nil {
			return nil, badMultipart(err)
		}
	}
	for _, f := range pairs {
		if err := w.WriteField(f[0], f[1]); err != nil {
			return nil, badMultipart(err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, badMultipart(err)
	}
	return b.Bytes(), nil
}

func badMultipart(err error) error {
	return causeway.Errorf(http.StatusBadRequest, "invalid_body", "the multipart body can't be read").WithCause(err)
}
