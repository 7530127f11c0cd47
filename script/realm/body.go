package realm

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"mime/multipart"
	"net/textproto"
	"net/url"
	"slices"
	"strings"

	"github.com/dop251/goja"

	"github.com/causeway-dev/causeway/script"
)

// requestBody turns data into a body: objects as JSON, texts and buffers as they are, form objects as forms. The content
// type that a script gives for an object decides too.
func (r *run) requestBody(data goja.Value, headers []script.Pair) (kind string, body []byte, out []script.Pair, err error) {
	o, isObject := data.(*goja.Object)
	if goja.IsUndefined(data) || goja.IsNull(data) {
		return "none", nil, headers, nil
	}
	if s, ok := data.(goja.String); ok {
		return "text", []byte(s.String()), headers, nil
	}
	contentType := contentTypeOf(headers)
	if isObject {
		if b, ok := r.env.Bytes(o); ok {
			return "bytes", bytes.Clone(b), headers, nil
		}
		switch tag := r.tag(o); {
		case tag == "URLSearchParams":
			return "form", []byte(r.toText(o)), withContentType(headers, formType), nil
		case tag == "FormData":
			return r.multipart(o, true, headers)
		case tag == "Blob" || tag == "File":
			b, err := r.blobBytes(o)
			return "bytes", b, headers, err
		case strings.HasPrefix(contentType, "multipart/form-data"):
			return r.multipart(o, false, headers)
		case strings.HasPrefix(contentType, "application/x-www-form-urlencoded"):
			var pairs []string
			r.formPairs(o, "", 0, &pairs)
			return "form", []byte(strings.Join(pairs, "&")), headers, nil
		}
	}
	body, err = r.encode(data, script.MaxBody)
	if err != nil {
		return "", nil, nil, err
	}
	return "json", body, withContentType(headers, "application/json"), nil
}

const formType = "application/x-www-form-urlencoded;charset=utf-8"

func contentTypeOf(headers []script.Pair) string {
	for _, h := range headers {
		if h[0] == "content-type" {
			return strings.ToLower(h[1])
		}
	}
	return ""
}

// withContentType adds a content type, if the script gave none.
func withContentType(headers []script.Pair, value string) []script.Pair {
	if contentTypeOf(headers) != "" {
		return headers
	}
	return append(headers, script.Pair{"content-type", value})
}

// multipart writes a FormData, or an object's entries, as parts. The boundary comes from the run's random stream.
func (r *run) multipart(o *goja.Object, isForm bool, headers []script.Pair) (string, []byte, []script.Pair, error) {
	var seed [16]byte
	if _, err := io.ReadFull(r.env.Rand, seed[:]); err != nil {
		return "", nil, nil, err
	}
	var out bytes.Buffer
	w := multipart.NewWriter(&out)
	if err := w.SetBoundary("----causeway" + hex.EncodeToString(seed[:])); err != nil {
		return "", nil, nil, err
	}
	var failed error
	add := func(name string, v goja.Value) {
		if failed == nil {
			failed = r.part(w, name, v)
		}
	}
	if isForm {
		r.eachPair(o, add)
	} else {
		for _, name := range r.keys(o) {
			v := r.property(o, name)
			if list, ok := v.(*goja.Object); ok && list.ClassName() == "Array" {
				for _, i := range r.keys(list) {
					add(name, r.property(list, i))
				}
			} else if !goja.IsUndefined(v) && !goja.IsNull(v) {
				add(name, v)
			}
		}
	}
	if failed != nil {
		return "", nil, nil, failed
	}
	if err := w.Close(); err != nil {
		return "", nil, nil, err
	}
	if out.Len() > script.MaxBody {
		return "", nil, nil, fmt.Errorf("the form is larger than %d bytes", script.MaxBody)
	}
	headers = slices.DeleteFunc(slices.Clone(headers), func(h script.Pair) bool { return h[0] == "content-type" })
	return "multipart", out.Bytes(), append(headers, script.Pair{"content-type", w.FormDataContentType()}), nil
}

// part writes one entry: a file for buffers and blobs, text for all else, objects as JSON.
func (r *run) part(w *multipart.Writer, name string, v goja.Value) error {
	o, ok := v.(*goja.Object)
	if !ok {
		return w.WriteField(name, r.toText(v))
	}
	fileName, contentType := "blob", "application/octet-stream"
	content, isBytes := r.env.Bytes(o)
	if tag := r.tag(o); tag == "Blob" || tag == "File" {
		b, err := r.blobBytes(o)
		if err != nil {
			return err
		}
		content, isBytes = b, true
		if n := r.text(o, "name"); n != "" {
			fileName = n
		}
		if t := r.text(o, "type"); t != "" {
			contentType = t
		}
	}
	if !isBytes {
		if o.ClassName() == "Date" {
			return w.WriteField(name, r.toText(o))
		}
		text, err := r.encode(o, script.MaxBody)
		if err != nil {
			return err
		}
		return w.WriteField(name, string(text))
	}
	h := textproto.MIMEHeader{}
	h.Set("Content-Disposition", fmt.Sprintf(`form-data; name="%s"; filename="%s"`, quotedParameter(name), quotedParameter(fileName)))
	h.Set("Content-Type", quotedParameter(contentType))
	p, err := w.CreatePart(h)
	if err != nil {
		return err
	}
	_, err = p.Write(content)
	return err
}

// quotedParameter keeps a name from ending its header early.
func quotedParameter(s string) string {
	return strings.NewReplacer("\\", "\\\\", `"`, "%22", "\r", "%0D", "\n", "%0A").Replace(s)
}

// blobBytes reads a Blob of ours.
func (r *run) blobBytes(o *goja.Object) ([]byte, error) {
	read, ok := goja.AssertFunction(o.Get("_bytes"))
	if !ok {
		return nil, fmt.Errorf("this kind of Blob isn't known")
	}
	v, err := read(o)
	if err != nil {
		return nil, err
	}
	b, _ := r.env.Bytes(v)
	return bytes.Clone(b), nil
}

// formPairs writes an object in form encoding: nested names in brackets, lists as name[].
func (r *run) formPairs(o *goja.Object, prefix string, depth int, out *[]string) {
	if depth > 100 {
		panic(r.vm.NewTypeError("the form is nested too deeply"))
	}
	list := o.ClassName() == "Array"
	for _, key := range r.keys(o) {
		name := key
		switch {
		case prefix != "" && list:
			name = prefix + "[]"
		case prefix != "":
			name = prefix + "[" + key + "]"
		}
		v := r.property(o, key)
		switch inner, ok := v.(*goja.Object); {
		case goja.IsUndefined(v):
		case goja.IsNull(v):
			*out = append(*out, formEscape(name)+"=")
		case ok && inner.ClassName() != "Date":
			r.formPairs(inner, name, depth+1, out)
		default:
			*out = append(*out, formEscape(name)+"="+formEscape(r.toText(v)))
		}
	}
}

func formEscape(s string) string { return url.QueryEscape(s) }
