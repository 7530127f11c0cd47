package realm

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"

	"github.com/dop251/goja"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/script"
)

// cursorKind follows a cursor in the body of each answer.
type cursorKind struct {
	name, path string
	cursor     goja.Value // nil: the first page
}

func newCursorKind(p *pager) (pageKind, error) {
	name, err := p.required("cursor", "cursor_name_in_request")
	if err != nil {
		return nil, err
	}
	path, err := p.required("cursor", "cursor_path_in_response")
	return &cursorKind{name: name, path: path}, err
}

func (k *cursorKind) prepare(p *pager) {
	if k.cursor != nil {
		p.set(k.name, k.cursor)
	}
}

// yields passes over empty pages that have a cursor: providers that filter on their side give such pages.
func (k *cursorKind) yields(p *pager, page *received) (yield, stop bool) {
	if page.length > 0 {
		return true, false
	}
	return false, k.read(p, page) == nil
}

func (k *cursorKind) next(p *pager, page *received) (goja.Value, bool, error) {
	k.cursor = k.read(p, page)
	if k.cursor == nil {
		return goja.Undefined(), false, nil
	}
	return k.cursor, true, p.once("cursor", k.cursor.String())
}

// read finds the cursor: a text, trimmed, or a number with all its digits; anything else is none.
func (k *cursorKind) read(p *pager, page *received) goja.Value {
	v := p.r.at(p.r.property(page.response, "data"), k.path)
	if s, ok := v.(goja.String); ok {
		if text := strings.TrimSpace(s.String()); text != "" {
			return p.r.vm.ToValue(text)
		}
		return nil
	}
	switch x := v.Export().(type) {
	case int64:
		return v
	case float64:
		if digits, ok := digitsAt(page.body, k.path); ok {
			return p.r.vm.ToValue(digits)
		}
		if !math.IsNaN(x) {
			return v
		}
	}
	return nil
}

// digitsAt reads a number as it stands in the text: beyond 2^53 the engine's value has lost digits.
func digitsAt(body []byte, path string) (string, bool) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return "", false
	}
	if m, ok := v.(map[string]any); ok {
		if n, ok := m[path].(json.Number); ok {
			return n.String(), true
		}
	}
	for _, key := range pathKeys(path) {
		switch x := v.(type) {
		case map[string]any:
			v = x[key]
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i < 0 || i >= len(x) {
				return "", false
			}
			v = x[i]
		default:
			return "", false
		}
	}
	n, ok := v.(json.Number)
	return n.String(), ok
}

// linkKind follows a link in a header or in the body.
type linkKind struct {
	rel, path string
	link      string // followed last
}

func newLinkKind(p *pager) (pageKind, error) {
	k := &linkKind{rel: p.text("link_rel_in_response_header"), path: p.text("link_path_in_response_body")}
	if k.rel == "" && k.path == "" {
		return nil, fmt.Errorf("Either param link_rel_in_response_header or link_path_in_response_body is required for link pagination")
	}
	return k, nil
}

// prepare replaces the endpoint by the link. An absolute one also names the base; the parameters are part of the link.
func (k *linkKind) prepare(p *pager) {
	if k.link == "" {
		return
	}
	q := &p.call.request
	q.Params = nil
	base, endpoint := splitLink(k.link)
	switch {
	case base != "":
		q.BaseURLOverride, q.Endpoint = base, endpoint
	case strings.HasPrefix(k.link, "/"):
		q.Endpoint = k.link
	default:
		q.Endpoint = relativeTo(q.Endpoint, k.link)
	}
}

func (k *linkKind) yields(p *pager, page *received) (yield, stop bool) {
	if page.items == nil {
		page.items = p.r.vm.NewArray()
	}
	return true, false
}

func (k *linkKind) next(p *pager, page *received) (goja.Value, bool, error) {
	link := k.read(p, page)
	if link == "" {
		return goja.Undefined(), false, nil
	}
	v := p.r.vm.ToValue(link)
	if link == k.link {
		return v, false, nil
	}
	k.link = link
	return v, true, p.once("link", link)
}

func (k *linkKind) read(p *pager, page *received) string {
	if k.rel != "" {
		link, ok := findLink(page.headers, k.rel)
		if !ok {
			p.r.log.platform(causeway.LevelWarn, fmt.Sprintf("The link header of page %d can't be read; pagination ends there", p.page))
		}
		if link != "" {
			return link
		}
	}
	if k.path != "" {
		if s, ok := p.r.at(p.r.property(page.response, "data"), k.path).(goja.String); ok {
			return strings.TrimSpace(s.String())
		}
	}
	return ""
}

// splitLink cuts an absolute link into origin and the rest, without touching how the rest is escaped.
func splitLink(link string) (base, endpoint string) {
	scheme, rest, ok := strings.Cut(link, "://")
	if !ok || !strings.EqualFold(scheme, "http") && !strings.EqualFold(scheme, "https") {
		return "", ""
	}
	rest, _, _ = strings.Cut(rest, "#")
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		return scheme + "://" + rest, "/"
	}
	endpoint = rest[end:]
	if endpoint[0] == '?' {
		endpoint = "/" + endpoint
	}
	return scheme + "://" + rest[:end], endpoint
}

// relativeTo resolves "?page=2" and "next?page=2" against an endpoint.
func relativeTo(endpoint, link string) string {
	path, _, _ := strings.Cut(endpoint, "?")
	if strings.HasPrefix(link, "?") {
		return path + link
	}
	return path[:strings.LastIndex(path, "/")+1] + link
}

// offsetKind counts items or pages.
type offsetKind struct {
	name   string
	offset float64
	limit  float64 // 0: none
	byPage bool
}

func newOffsetKind(p *pager) (pageKind, error) {
	name, err := p.required("offset", "offset_name_in_request")
	if err != nil {
		return nil, err
	}
	k := &offsetKind{name: name, byPage: p.text("offset_calculation_method") == "per-page"}
	if v := p.option("offset_start_value"); v != nil {
		if k.offset = v.ToFloat(); math.IsNaN(k.offset) {
			return nil, fmt.Errorf("Param offset_start_value has to be a number")
		}
	}
	if v := p.option("limit"); v != nil {
		if f := v.ToFloat(); !math.IsNaN(f) {
			k.limit = f
		}
	}
	return k, nil
}

// prepare sends the offset as text in a query, as a number in a body.
func (k *offsetKind) prepare(p *pager) {
	v := p.r.vm.ToValue(k.offset)
	if !p.inBody {
		v = p.r.vm.ToValue(v.String())
	}
	p.set(k.name, v)
}

func (k *offsetKind) yields(_ *pager, page *received) (yield, stop bool) {
	return page.length > 0, page.length == 0
}

func (k *offsetKind) next(p *pager, page *received) (goja.Value, bool, error) {
	if k.limit > 0 && float64(page.length) < k.limit {
		return nil, false, nil
	}
	used := k.offset
	if k.byPage {
		k.offset++
	} else {
		k.offset += float64(page.length)
	}
	return p.r.vm.ToValue(used), true, nil
}

// at reads a dotted path ("paging.next", "[1].id", "items[0].x"). A property that is named like the whole path counts
// first; the empty path is the value itself.
func (r *run) at(v goja.Value, path string) goja.Value {
	if path == "" {
		return v
	}
	if o, ok := v.(*goja.Object); ok {
		if direct := r.property(o, path); !goja.IsUndefined(direct) {
			return direct
		}
	}
	for _, key := range pathKeys(path) {
		o, ok := v.(*goja.Object)
		if !ok {
			return goja.Undefined()
		}
		v = r.property(o, key)
	}
	return v
}

func pathKeys(path string) []string {
	var keys []string
	for _, part := range strings.Split(path, ".") {
		name, rest, bracket := strings.Cut(part, "[")
		if name != "" {
			keys = append(keys, name)
		}
		for bracket {
			var index string
			index, rest, _ = strings.Cut(rest, "]")
			keys = append(keys, strings.Trim(index, `"'`))
			_, rest, bracket = strings.Cut(rest, "[")
		}
	}
	return keys
}

// queryPairs reads a query text, in its order.
func queryPairs(query string) []script.Pair {
	var out []script.Pair
	for _, part := range strings.Split(query, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		out = append(out, script.Pair{unescapeQuery(name), unescapeQuery(value)})
	}
	return out
}

func unescapeQuery(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}
