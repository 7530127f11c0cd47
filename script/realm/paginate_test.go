package realm_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/script"
)

type pageVector struct {
	ID       string
	Note     string
	Catalog  json.RawMessage `json:"catalog_paginate"`
	Call     json.RawMessage
	Response []struct {
		Headers map[string]string
		Body    json.RawMessage
	} `json:"responses"`
	Requests []struct {
		Method   string
		Endpoint string
		Params   map[string]any
		Data     json.RawMessage
		Base     string `json:"base_url_override"`
	} `json:"expected_requests"`
	Pages  json.RawMessage `json:"expected_pages"`
	OnPage json.RawMessage `json:"expected_on_page"`
	Error  string          `json:"expect_error"`
}

// pages runs a paginate call and reports pages, on_page values and the error.
const pagesBody = `
	const pages = [], news = [];
	const config = input;
	config.paginate = {...config.paginate, on_page: async ({nextPageParam, response}) => {
		if (typeof response.status !== 'number') throw new Error('no response');
		news.push(nextPageParam ?? null);
	}};
	let error = null;
	try {
		const it = nango.paginate(config)[Symbol.asyncIterator]();
		for (let s; !(s = await it.next()).done;) pages.push(s.value);
	} catch (e) { error = e.message; }
	return {pages, news, error};`

func TestPaginationVectors(t *testing.T) {
	raw, err := os.ReadFile("testdata/pagination-vectors.json")
	require.NoError(t, err)
	var file struct{ Cases []pageVector }
	require.NoError(t, json.Unmarshal(raw, &file))
	require.NotEmpty(t, file.Cases)
	for _, v := range file.Cases {
		t.Run(v.ID+" "+v.Note, func(t *testing.T) { checkVector(t, v) })
	}
}

func checkVector(t *testing.T, v pageVector) {
	n := 0
	host := &fakeHost{answer: func(_ context.Context, call script.Call) (script.Answer, error) {
		if n >= len(v.Response) {
			return script.Answer{}, &script.CallError{Message: "one request too many"}
		}
		r := v.Response[n]
		n++
		var headers []script.Pair
		for k, value := range r.Headers {
			headers = append(headers, script.Pair{k, value})
		}
		return httpAnswer(t, 200, string(r.Body), headers...), nil
	}}
	body := pagesBody
	if string(v.Catalog) == "null" && !strings.Contains(string(v.Call), "paginate") {
		body = strings.Replace(body, "config.paginate = {", "const unused = {", 1)
	}
	result := runBody(t, host, body, withInput(string(v.Call)), with(func(s *script.Start) {
		if string(v.Catalog) != "null" {
			s.Paginate = v.Catalog
		}
	}))
	var got struct {
		Pages, News json.RawMessage
		Error       *string
	}
	require.NoError(t, json.Unmarshal([]byte(output(t, result)), &got))
	require.JSONEq(t, string(v.Pages), string(got.Pages))
	require.JSONEq(t, string(v.OnPage), string(got.News))
	if v.Error == "" {
		require.Nil(t, got.Error)
	} else {
		require.NotNil(t, got.Error, "it has to fail: %s", v.Error)
	}
	require.Len(t, host.calls, len(v.Requests))
	for i, want := range v.Requests {
		var q script.ProxyRequest
		require.NoError(t, json.Unmarshal(host.calls[i].Meta, &q))
		require.Equal(t, want.Method, q.Method)
		require.Equal(t, want.Endpoint, q.Endpoint)
		require.Equal(t, want.Base, q.BaseURLOverride)
		params := map[string]string{}
		for _, p := range q.Params {
			params[p[0]] = p[1]
		}
		require.Len(t, params, len(want.Params))
		for k, value := range want.Params {
			require.Equal(t, fmt.Sprint(value), params[k])
		}
		if len(want.Data) > 0 {
			require.JSONEq(t, string(want.Data), string(host.calls[i].Body))
		} else {
			require.Empty(t, host.calls[i].Body)
		}
	}
}

// paged answers each request from a list of bodies; %d in the last one is the number of the page.
func paged(t *testing.T, bodies ...string) *fakeHost {
	n := 0
	return &fakeHost{answer: func(context.Context, script.Call) (script.Answer, error) {
		body := bodies[min(n, len(bodies)-1)]
		n++
		if strings.Contains(body, "%d") {
			body = fmt.Sprintf(body, n)
		}
		return httpAnswer(t, 200, body), nil
	}}
}

const cursorConfig = `{"endpoint":"/x","paginate":{"type":"cursor","cursor_name_in_request":"c","cursor_path_in_response":"next","response_path":"d"}}`

func TestCursorPagination(t *testing.T) {
	for name, test := range map[string]struct {
		bodies []string
		pages  string
		fails  string // a part of the error
		sent   string // the last cursor
	}{
		"a circle of two names cursor and page": {
			[]string{`{"d":[1,2],"next":"A"}`, `{"d":[3,4],"next":"B"}`, `{"d":[5,6],"next":"A"}`}, `[[1,2],[3,4],[5,6]]`, `page 3 leads to the cursor "A" again`, "B",
		},
		"an empty page in the middle": {
			[]string{`{"d":[1,2],"next":"t2"}`, `{"d":[],"next":"t3"}`, `{"d":[3]}`}, `[[1,2],[3]]`, "", "t3",
		},
		"endless empty pages end in an error": {[]string{`{"d":[],"next":"t%d"}`}, `[]`, "26 empty pages", "t25"},
		"zero goes on":                        {[]string{`{"d":[1],"next":0}`, `{"d":[2]}`}, `[[1],[2]]`, "", "0"},
		"all digits of a large number":        {[]string{`{"d":[1],"next":12345678901234567890}`, `{"d":[2]}`}, `[[1],[2]]`, "", "12345678901234567890"},
		"text is trimmed":                     {[]string{`{"d":[1],"next":"  x "}`, `{"d":[2]}`}, `[[1],[2]]`, "", "x"},
		"empty text ends":                     {[]string{`{"d":[1],"next":""}`}, `[[1]]`, "", ""},
		"blanks end":                          {[]string{`{"d":[1],"next":"  "}`}, `[[1]]`, "", ""},
		"null ends":                           {[]string{`{"d":[1],"next":null}`}, `[[1]]`, "", ""},
		"false ends":                          {[]string{`{"d":[1],"next":false}`}, `[[1]]`, "", ""},
		"an object ends":                      {[]string{`{"d":[1],"next":{}}`}, `[[1]]`, "", ""},
		"an older cursor isn't used again":    {[]string{`{"d":[1],"next":"A"}`, `{"d":[2],"next":null}`}, `[[1],[2]]`, "", "A"},
	} {
		t.Run(name, func(t *testing.T) {
			host := paged(t, test.bodies...)
			var got struct {
				Pages json.RawMessage
				Error string
			}
			require.NoError(t, json.Unmarshal([]byte(output(t, runBody(t, host, pagesBody, withInput(cursorConfig)))), &got))
			require.JSONEq(t, test.pages, string(got.Pages))
			if test.fails == "" {
				require.Empty(t, got.Error)
			} else {
				require.Contains(t, got.Error, test.fails)
			}
			var q script.ProxyRequest
			require.NoError(t, json.Unmarshal(host.calls[len(host.calls)-1].Meta, &q))
			sent := ""
			for _, p := range q.Params {
				if p[0] == "c" {
					sent = p[1]
				}
			}
			require.Equal(t, test.sent, sent)
		})
	}
}

func TestALinkCircleOfTwoFails(t *testing.T) {
	host := paged(t, `{"d":[1],"next":"/a"}`, `{"d":[2],"next":"/b"}`, `{"d":[3],"next":"/a"}`)
	got := output(t, runBody(t, host, pagesBody, withInput(`{"endpoint":"/x","paginate":{"type":"link","link_path_in_response_body":"next","response_path":"d"}}`)))
	require.Contains(t, got, `page 3 leads to the link \"/a\" again`)
}

func TestLinkHeaders(t *testing.T) {
	const first = `https://api.example.com/v2/x?f=a,b&page=2`
	for name, test := range map[string]struct {
		headers []string
		want    string // endpoint of the second request; "" for none
		warns   bool
	}{
		"quoted":                {[]string{`<` + first + `>; rel="next"`}, "/v2/x?f=a,b&page=2", false},
		"bare":                  {[]string{`<` + first + `>; rel=next`}, "/v2/x?f=a,b&page=2", false},
		"several relations":     {[]string{`<` + first + `>; rel="last next"`}, "/v2/x?f=a,b&page=2", false},
		"capitals":              {[]string{`<` + first + `>; REL="Next"`}, "/v2/x?f=a,b&page=2", false},
		"comma in a title":      {[]string{`<` + first + `>; title="one, two"; rel="next"`}, "/v2/x?f=a,b&page=2", false},
		"after another link":    {[]string{`<https://a.example/s.css>;rel=stylesheet;x, <` + first + `>; rel=next`}, "/v2/x?f=a,b&page=2", false},
		"in the second line":    {[]string{`<https://a.example/1>; rel="prev"`, `<` + first + `>; rel="next"`}, "/v2/x?f=a,b&page=2", false},
		"query only":            {[]string{`<?page=2>; rel=next`}, "/v2/x?page=2", false},
		"path only":             {[]string{`</v2/x?page=2>; rel=next`}, "/v2/x?page=2", false},
		"unterminated":          {[]string{`<https://api.example.com/v2/x?page=2; rel="next"`}, "", true},
		"another relation":      {[]string{`<` + first + `>; rel="prev"`}, "", false},
		"quoted text with rel=": {[]string{`<https://a.example/1>; title="x; rel=next"; rel=prev`}, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			n := 0
			host := &fakeHost{answer: func(context.Context, script.Call) (script.Answer, error) {
				if n++; n > 1 {
					return httpAnswer(t, 200, `[2]`), nil
				}
				var pairs []script.Pair
				for _, h := range test.headers {
					pairs = append(pairs, script.Pair{"link", h})
				}
				return httpAnswer(t, 200, `[1]`, pairs...), nil
			}}
			output(t, runBody(t, host, pagesBody, withInput(`{"endpoint":"/v2/x?page=1","paginate":{"type":"link","link_rel_in_response_header":"next"}}`)))
			if test.want == "" {
				require.Len(t, host.calls, 1)
			} else {
				require.Len(t, host.calls, 2)
				var q script.ProxyRequest
				require.NoError(t, json.Unmarshal(host.calls[1].Meta, &q))
				require.Equal(t, test.want, q.Endpoint)
			}
			require.Equal(t, test.warns, len(host.lines(t)) == 1)
		})
	}
}

func TestPaginationErrorTexts(t *testing.T) {
	for config, want := range map[string]string{
		`{"type":"cursor","cursor_path_in_response":"n"}`:                                        "Param cursor_name_in_request is required for cursor pagination",
		`{"type":"cursor","cursor_name_in_request":"n"}`:                                         "Param cursor_path_in_response is required for cursor pagination",
		`{"type":"cursor","cursor_path_in_response":"n","cursor_name_in_request":"n","limit":5}`: "Param limit_name_in_request is required for cursor pagination",
		`{"type":"link"}`:   "Either param link_rel_in_response_header or link_path_in_response_body is required for link pagination",
		`{"type":"offset"}`: "Param offset_name_in_request is required for offset pagination",
		`{"type":"page"}`:   "Pagination type page is not supported. Only cursor, link and offset pagination types are supported.",
	} {
		require.Contains(t, output(t, runBody(t, &fakeHost{}, pagesBody, withInput(`{"endpoint":"/x","paginate":`+config+`}`))), want)
	}
	got := output(t, runBody(t, &fakeHost{}, `try { await nango.paginate({endpoint: "/x"}).next() } catch (e) { return e.message }`))
	require.Equal(t, `"There was no pagination configuration for this integration or configuration passed in."`, got)
}

func TestPagesAreBoundToTheRun(t *testing.T) {
	host := paged(t, `{"d":[1],"next":"c%d"}`)
	got := output(t, runBody(t, host, `
		const it = nango.paginate(input);
		const [a, b] = await Promise.all([it.next(), it.next()]); // in order, though asked for at once
		const r = await it.return("x");
		return [a.value, b.value, r, await it.next()];`, withInput(cursorConfig), ofKind(causeway.RunAction)))
	require.JSONEq(t, `[[1],[1],{"value":"x","done":true},{"done":true}]`, got)
	require.Len(t, host.calls, 2)
}
