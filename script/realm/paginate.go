package realm

import (
	"fmt"
	"strings"

	"github.com/dop251/goja"

	"github.com/causeway-dev/causeway/script"
)

// maxEmptyPages is how many empty pages in a row a cursor may lead through; a provider that filters on its side has some.
const maxEmptyPages = 25

func (r *run) emptyPages() int {
	if n := r.start.EmptyPages; n > 0 {
		return n
	}
	return maxEmptyPages
}

// pager walks the pages of one nango.paginate call. Each page is an ordinary proxy call. What differs between the kinds
// of pagination is behind pageKind.
type pager struct {
	r       *run
	kind    pageKind
	call    proxyCall
	data    goja.Value // the body before parameters are put into it
	options map[string]goja.Value
	path    string // of the list in the body; "": the body itself
	inBody  bool
	onPage  goja.Callable
	page    int // from 1
	empty   int // pages in a row
	seen    map[string]bool
	last    *received // the page that was yielded last; nil before the first
}

// received is one answered page.
type received struct {
	response *goja.Object
	headers  []script.Pair
	body     []byte
	items    *goja.Object // nil: the path leads nowhere
	length   int64
}

// pageKind is one way to page.
type pageKind interface {
	// prepare puts the page's own parameters into the next request.
	prepare(p *pager)
	// yields says whether the script gets this page; stop: there is nothing after it, and on_page isn't called.
	yields(p *pager, page *received) (yield, stop bool)
	// next finds what leads to the following page: the value for on_page, and whether there is one.
	next(p *pager, page *received) (param goja.Value, more bool, err error)
}

// paginate is an async iterator over pages. Configuration errors come with the first page, as from a generator.
func (a *actionMethods) paginate(c goja.FunctionCall) goja.Value {
	r := a.run
	config := c.Argument(0) // c itself is only good until we return
	var p *pager
	return r.asyncIterator(func(t *task, yield func(goja.Value), end func()) {
		if p == nil {
			var err error
			if p, err = r.newPager(config); err != nil {
				t.fail(err.Error())
				return
			}
			p.fetch(t, yield, end)
			return
		}
		p.advance(t, yield, end)
	})
}

func (r *run) newPager(config goja.Value) (*pager, error) {
	o, ok := config.(*goja.Object)
	if !ok {
		return nil, fmt.Errorf("paginate needs a configuration object")
	}
	p := &pager{r: r, options: map[string]goja.Value{}, seen: map[string]bool{}}
	configured := false
	for _, source := range []goja.Value{r.jsonValue(r.start.Paginate), r.property(o, "paginate")} {
		if block, ok := source.(*goja.Object); ok {
			configured = true
			for _, k := range r.keys(block) {
				p.options[k] = r.property(block, k)
			}
		}
	}
	if !configured {
		return nil, fmt.Errorf("There was no pagination configuration for this integration or configuration passed in.")
	}
	call, callErr := r.proxyCall(o, "")
	if callErr != nil {
		return nil, callErr
	}
	p.call = call
	p.path = p.text("response_path")
	p.onPage, _ = goja.AssertFunction(p.options["on_page"])
	switch p.call.method {
	case "POST", "PUT", "PATCH":
		p.inBody = true
	}
	if v, ok := p.options["in_body"]; ok && !goja.IsUndefined(v) && !goja.IsNull(v) {
		p.inBody = v.ToBoolean()
	}
	if err := p.takeParameters(o); err != nil {
		return nil, err
	}
	var err error
	if p.kind, err = p.newKind(); err != nil {
		return nil, err
	}
	return p, p.setLimit()
}

// takeParameters makes a query given as text into parameters, and copies the body, so that the script's own objects stay
// as they are.
func (p *pager) takeParameters(config *goja.Object) error {
	if p.call.request.Query != "" {
		p.call.request.Params = queryPairs(p.call.request.Query)
		p.call.request.Query = ""
	}
	p.data = p.r.property(config, "data")
	if !p.inBody {
		return nil
	}
	o, ok := p.data.(*goja.Object)
	switch {
	case goja.IsUndefined(p.data) || goja.IsNull(p.data):
		p.data = p.r.vm.NewObject()
		return nil
	case !ok || o.ClassName() != "Object" || p.r.tag(o) != "":
		return fmt.Errorf("paginate can put its parameters only into an object, but data is none")
	}
	raw, err := p.r.encode(o, script.MaxBody)
	if err != nil {
		return fmt.Errorf("the request's data can't be sent: %w", err)
	}
	p.data = p.r.jsonValue(raw)
	return nil
}

func (p *pager) newKind() (pageKind, error) {
	switch kind := p.text("type"); kind {
	case "cursor":
		return newCursorKind(p)
	case "link":
		return newLinkKind(p)
	case "offset":
		return newOffsetKind(p)
	default:
		return nil, fmt.Errorf("Pagination type %s is not supported. Only cursor, link and offset pagination types are supported.", kind)
	}
}

func (p *pager) text(name string) string {
	if s, ok := p.options[name].(goja.String); ok {
		return s.String()
	}
	return ""
}

// option returns an option that is set, or nil.
func (p *pager) option(name string) goja.Value {
	v := p.options[name]
	if v == nil || goja.IsUndefined(v) || goja.IsNull(v) {
		return nil
	}
	return v
}

// required is an option that a kind can't do without.
func (p *pager) required(kind, name string) (string, error) {
	if v := p.text(name); v != "" {
		return v, nil
	}
	return "", fmt.Errorf("Param %s is required for %s pagination", name, kind)
}

func (p *pager) setLimit() error {
	limit := p.option("limit")
	if limit == nil || !limit.ToBoolean() {
		return nil
	}
	name, err := p.required(p.text("type"), "limit_name_in_request")
	if err != nil {
		return err
	}
	p.set(name, limit)
	return nil
}

// set puts a parameter into the query, or into the body, where dots in its name make nested objects.
func (p *pager) set(name string, v goja.Value) {
	if !p.inBody {
		q := &p.call.request
		for i := range q.Params {
			if q.Params[i][0] == name {
				q.Params[i][1] = v.String()
				return
			}
		}
		q.Params = append(q.Params, script.Pair{name, v.String()})
		return
	}
	o := p.data.(*goja.Object)
	keys := strings.Split(name, ".")
	for _, key := range keys[:len(keys)-1] {
		inner, ok := p.r.property(o, key).(*goja.Object)
		if !ok {
			inner = p.r.vm.NewObject()
			_ = o.Set(key, inner)
		}
		o = inner
	}
	_ = o.Set(keys[len(keys)-1], v)
}

// fetch requests the next page and goes on with it.
func (p *pager) fetch(t *task, yield func(goja.Value), end func()) {
	p.kind.prepare(p)
	request := p.call.request
	var body []byte
	if p.inBody || sendsBody(p.call.method) {
		call := p.call
		if err := p.r.addBody(&call, p.data); err != nil {
			t.reject(p.r.callError(err, t.stack))
			return
		}
		request, body = call.request, call.body
	}
	p.page++
	t.http(script.CallProxy, request, body, p.call.exchange, func(answer script.HTTPAnswer, raw []byte) {
		page := &received{response: p.r.response(answer, raw, p.call.exchange), headers: answer.Headers, body: raw}
		page.items, page.length = p.items(page.response)
		give, stop := p.kind.yields(p, page)
		switch {
		case stop:
			end()
		case give:
			p.last, p.empty = page, 0
			yield(page.items)
		default:
			if p.empty++; p.empty > p.r.emptyPages() {
				t.fail(fmt.Sprintf("Pagination gave up at page %d: %d empty pages came in a row", p.page, p.empty))
				return
			}
			p.last = page
			p.advance(t, yield, end)
		}
	})
}

// items is the list of a page: what lies at the path, if it is a list.
func (p *pager) items(response *goja.Object) (*goja.Object, int64) {
	o, ok := p.r.at(p.r.property(response, "data"), p.path).(*goja.Object)
	if !ok || o.ClassName() != "Array" {
		return nil, 0
	}
	return o, p.r.property(o, "length").ToInteger()
}

// advance follows the page that was yielded last: on_page is called and awaited, then the next one is fetched.
func (p *pager) advance(t *task, yield func(goja.Value), end func()) {
	param, more, err := p.kind.next(p, p.last)
	if err != nil {
		t.fail(err.Error())
		return
	}
	if param == nil {
		end()
		return
	}
	follow := func() {
		switch {
		case !more:
			end()
		case p.r.stopped() != nil:
			t.abort()
		default:
			p.fetch(t, yield, end)
		}
	}
	if p.onPage == nil {
		follow()
		return
	}
	news := p.r.vm.NewObject()
	_ = news.Set("nextPageParam", param)
	_ = news.Set("response", p.last.response)
	p.r.await(t, func() (goja.Value, error) { return p.onPage(goja.Undefined(), news) }, follow)
}

// once fails if a pointer to a next page has come before, at any page: the way is a circle.
func (p *pager) once(what, pointer string) error {
	if p.seen[pointer] {
		shown := cutText(pointer, 500)
		return fmt.Errorf("Pagination goes in a circle: page %d leads to the %s %q again", p.page, what, shown)
	}
	p.seen[pointer] = true
	return nil
}

func sendsBody(method string) bool {
	return method == "POST" || method == "PUT" || method == "PATCH" || method == "DELETE"
}
