package cli

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// newUI serves a UI and a codec that say who they are, and one link.
func newUI(t *testing.T, origins ...string) (u *temporalUI, link string) {
	t.Helper()
	behind := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("ui " + r.URL.Path + " cookies: " + r.Header.Get("Cookie")))
	}))
	t.Cleanup(behind.Close)
	target, err := url.Parse(behind.URL)
	require.NoError(t, err)
	s := newSeal([]byte("a key of 32 bytes, so they say.."))
	links := map[string]bool{s.token("link", []byte("0123456789abcdef")): true}
	for l := range links {
		link = linkPath + l
	}
	log := slog.New(slog.DiscardHandler)
	return &temporalUI{
		seal: s, secure: true, origins: origins, log: log, ui: proxyTo(target, log),
		codec: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("decoded")) }),
		spend: func(_ context.Context, token string) (bool, error) {
			good := links[token]
			delete(links, token)
			return good, nil
		},
	}, link
}

func ask(u http.Handler, method, path, origin string, cookies ...*http.Cookie) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	for _, c := range cookies {
		r.AddCookie(c)
	}
	if origin != "" {
		r.Header.Set("Origin", origin)
	}
	w := httptest.NewRecorder()
	u.ServeHTTP(w, r)
	return w
}

func TestTemporalsUIIsOpenedByAOneTimeLink(t *testing.T) {
	t.Parallel()
	u, link := newUI(t)
	for _, path := range []string{"/temporal/", "/temporal/codec/decode"} {
		assert.Equal(t, 401, ask(u, "POST", path, "").Code, "nobody comes in without a link: %s", path)
	}
	assert.Equal(t, 401, ask(u, "GET", linkPath+"AAAA", "").Code)
	assert.Equal(t, 405, ask(u, "HEAD", link, "").Code, "a look at a link doesn't spend it")
	in := ask(u, "GET", link, "")
	require.Equal(t, http.StatusSeeOther, in.Code, in.Body)
	assert.Equal(t, "/temporal/", in.Header().Get("Location"))
	assert.Equal(t, 401, ask(u, "GET", link, "").Code, "a link is good once")

	cookies := in.Result().Cookies()
	require.Len(t, cookies, 1)
	assert.True(t, cookies[0].HttpOnly && cookies[0].Secure && cookies[0].SameSite == http.SameSiteLaxMode)
	page := ask(u, "GET", "/temporal/namespaces", "", cookies[0], &http.Cookie{Name: "_csrf", Value: "of the UI"})
	assert.Equal(t, `ui /temporal/namespaces cookies: _csrf="of the UI"`, page.Body.String(), "our cookie stays here")
	assert.Equal(t, "decoded", ask(u, "POST", "/temporal/codec/decode", "", cookies[0]).Body.String())

	forged := *cookies[0]
	forged.Value = "A" + strings.TrimPrefix(forged.Value, forged.Value[:1]) + "A"
	assert.Equal(t, 401, ask(u, "GET", "/temporal/", "", &forged).Code)
	asLink := ask(u, "GET", linkPath+cookies[0].Value, "")
	assert.Equal(t, 401, asLink.Code, "a cookie is no link")
}

func TestUIsElsewhereDecodeWhenTheSettingsNameThem(t *testing.T) {
	t.Parallel()
	u, link := newUI(t, "https://temporal.example.com")
	cookies := ask(u, "GET", link, "").Result().Cookies()
	require.Len(t, cookies, 2)
	other := cookies[1]
	assert.Equal(t, http.SameSiteNoneMode, other.SameSite)
	assert.Equal(t, "/temporal/codec/", other.Path)

	named := ask(u, "POST", "/temporal/codec/decode", "https://temporal.example.com", other)
	assert.Equal(t, "decoded", named.Body.String())
	assert.Equal(t, "https://temporal.example.com", named.Header().Get("Access-Control-Allow-Origin"))
	assert.Equal(t, "true", named.Header().Get("Access-Control-Allow-Credentials"))
	assert.Equal(t, 204, ask(u, "OPTIONS", "/temporal/codec/decode", "https://temporal.example.com").Code)

	stranger := ask(u, "POST", "/temporal/codec/decode", "https://evil.example.com", other)
	assert.Equal(t, 401, stranger.Code)
	assert.Empty(t, stranger.Header().Get("Access-Control-Allow-Origin"))
	assert.Equal(t, 401, ask(u, "GET", "/temporal/", "", other).Code, "the codec's cookie opens no UI")
}
