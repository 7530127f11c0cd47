package cli

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/causeway-dev/causeway/dispatch"
	"github.com/causeway-dev/causeway/storage"
)

// Below temporalPath of the API's port are Temporal's web interface and the endpoint that decodes what it shows.
const (
	temporalPath = "/temporal/"
	codecPath    = temporalPath + "codec/"
	linkPath     = temporalPath + "link/"

	linkLife   = 10 * time.Minute
	cookieLife = 8 * time.Hour

	uiCookie    = "causeway_temporal"
	codecCookie = "causeway_codec" // for UIs of other sites, which send it along
)

// temporalUI lets people in who came by a one-time link.
type temporalUI struct {
	seal    seal
	spend   func(ctx context.Context, token string) (bool, error)
	codec   http.Handler
	ui      http.Handler // nil: it is elsewhere
	origins []string     // that may use the codec, besides ours
	secure  bool         // we are reached by https
	log     *slog.Logger
}

// newTemporalUI makes it from the settings.
func (p *platform) newTemporalUI() (*temporalUI, error) {
	t := p.conf.Temporal
	u := &temporalUI{
		seal: newSeal(p.key), spend: p.redis.SpendLink, codec: http.StripPrefix(strings.TrimSuffix(codecPath, "/"), dispatch.CodecHandler(p.store.Keys())),
		origins: t.UIOrigins, secure: strings.HasPrefix(p.conf.Server.PublicURL, "https://"), log: p.log,
	}
	if t.UIURL == "" {
		return u, nil
	}
	target, err := url.Parse(t.UIURL)
	if err != nil || target.Host == "" {
		return nil, fmt.Errorf("temporal.ui_url can't be read as a URL")
	}
	u.ui = proxyTo(target, p.log)
	return u, nil
}

// proxyTo passes requests on to Temporal's UI, without the cookies that are for us.
func proxyTo(target *url.URL, log *slog.Logger) http.Handler {
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = target.Host
			r.Out.Header.Del("Cookie")
			for _, c := range r.In.Cookies() {
				if c.Name != uiCookie && c.Name != codecCookie {
					r.Out.AddCookie(c)
				}
			}
		},
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

func (u *temporalUI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	switch {
	case strings.HasPrefix(r.URL.Path, linkPath):
		u.signIn(w, r)
	case strings.HasPrefix(r.URL.Path, codecPath):
		u.decode(w, r)
	case !u.known(r, uiCookie):
		http.Error(w, "Make a link with: causeway temporal-link", http.StatusUnauthorized)
	case u.ui == nil:
		http.Error(w, "You are signed in. Temporal's UI is not served here (temporal.ui_url is not set); one of temporal.ui_origins can decode now.", http.StatusNotFound)
	default:
		w.Header().Del("Cache-Control")
		u.ui.ServeHTTP(w, r)
	}
}

// signIn spends a link for the cookies.
func (u *temporalUI) signIn(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		http.Error(w, "GET only", http.StatusMethodNotAllowed)
		return
	}
	token := strings.TrimPrefix(r.URL.Path, linkPath)
	good := u.seal.opens("link", token)
	if good {
		var err error
		if good, err = u.spend(r.Context(), token); err != nil {
			u.log.Warn("a link could not be looked up", "error", err)
			http.Error(w, "Redis does not answer; try again.", http.StatusServiceUnavailable)
			return
		}
	}
	if !good {
		http.Error(w, "This link was used before, or is over. Make another one: causeway temporal-link", http.StatusUnauthorized)
		return
	}
	u.log.Info("somebody signed in to Temporal's UI by a link", "remote", r.RemoteAddr)
	u.setCookie(w, uiCookie, temporalPath, http.SameSiteLaxMode)
	if len(u.origins) > 0 && u.secure {
		u.setCookie(w, codecCookie, codecPath, http.SameSiteNoneMode)
	}
	http.Redirect(w, r, temporalPath, http.StatusSeeOther)
}

func (u *temporalUI) setCookie(w http.ResponseWriter, name, path string, site http.SameSite) {
	until := binary.BigEndian.AppendUint64(nil, uint64(time.Now().Add(cookieLife).Unix()))
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure follows from how we are reached
		Name: name, Value: u.seal.token(name, until), Path: path, MaxAge: int(cookieLife.Seconds()), HttpOnly: true, Secure: u.secure, SameSite: site,
	})
}

// known says whether the request has a good cookie.
func (u *temporalUI) known(r *http.Request, name string) bool {
	c, err := r.Cookie(name)
	if err != nil || !u.seal.opens(name, c.Value) {
		return false
	}
	raw, err := base64.RawURLEncoding.DecodeString(c.Value)
	return err == nil && len(raw) >= 8 && time.Now().Unix() < int64(binary.BigEndian.Uint64(raw))
}

// decode answers the UI's codec calls. A page of another origin is answered only if the settings name it.
func (u *temporalUI) decode(w http.ResponseWriter, r *http.Request) {
	allowed := false
	if origin := r.Header.Get("Origin"); origin != "" {
		h := w.Header()
		h.Set("Vary", "Origin")
		if allowed = slices.Contains(u.origins, origin); allowed {
			h.Set("Access-Control-Allow-Origin", origin)
			h.Set("Access-Control-Allow-Credentials", "true")
			h.Set("Access-Control-Allow-Methods", "POST")
			h.Set("Access-Control-Allow-Headers", "Content-Type, X-Namespace, Authorization")
		}
	}
	switch {
	case r.Method == http.MethodOptions:
		w.WriteHeader(http.StatusNoContent)
	case u.known(r, uiCookie), allowed && u.known(r, codecCookie):
		u.codec.ServeHTTP(w, r)
	default:
		http.Error(w, "Make a link with: causeway temporal-link", http.StatusUnauthorized)
	}
}

// seal signs what this installation hands out.
type seal []byte

func newSeal(instanceKey []byte) seal { return derived(instanceKey, "causeway temporal ui") }

func (s seal) sign(purpose string, text []byte) []byte {
	mac := hmac.New(sha256.New, s)
	_, _ = mac.Write([]byte(purpose + "\x00"))
	_, _ = mac.Write(text)
	return mac.Sum(nil)
}

// token is text with its signature, for one purpose.
func (s seal) token(purpose string, text []byte) string {
	return base64.RawURLEncoding.EncodeToString(append(slices.Clone(text), s.sign(purpose, text)...))
}

// opens says whether a token is ours.
func (s seal) opens(purpose, token string) bool {
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(raw) <= sha256.Size {
		return false
	}
	text, signature := raw[:len(raw)-sha256.Size], raw[len(raw)-sha256.Size:]
	return hmac.Equal(signature, s.sign(purpose, text))
}

func newTemporalLink() *cobra.Command {
	return &cobra.Command{
		Use:   "temporal-link",
		Short: "Print a link that opens Temporal's UI, once",
		Long:  "Print a link that opens Temporal's UI below server.public_url, once and within ten minutes. Whoever opens it may look for eight hours.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			conf, err := load(cmd)
			if err != nil {
				return err
			}
			if err := needSettings(conf, "encryption.key", "redis.url", "server.public_url"); err != nil {
				return err
			}
			key, err := storage.ParseKey(conf.Encryption.Key)
			if err != nil {
				return err
			}
			ctx := cmd.Context()
			redis, err := storage.OpenRedis(ctx, conf.Redis.URL, conf.Redis.PasswordFile)
			if err != nil {
				return err
			}
			defer func() { _ = redis.Close() }()
			var random [16]byte
			_, _ = rand.Read(random[:]) // never fails
			token := newSeal(key).token("link", random[:])
			if err := redis.PutLink(ctx, token, linkLife); err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), strings.TrimSuffix(conf.Server.PublicURL, "/")+linkPath+token)
			return nil
		},
	}
}
