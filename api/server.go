package api

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/providers"
	"github.com/causeway-dev/causeway/proxy"
	"github.com/causeway-dev/causeway/storage"
)

// maxBody is the size of a request's body, 75 MB as the clients know it.
const maxBody = 75 << 20

// Dispatcher starts, rings and waits for runs (package dispatch).
type Dispatcher interface {
	StartRun(ctx context.Context, ref causeway.RunRef) error
	CancelRun(ctx context.Context, ref causeway.RunRef)
	Ask(ctx context.Context, environmentID int64, due time.Time) error
	Closed(ctx context.Context, ref causeway.RunRef, c storage.Closed)
	Wait(ctx context.Context, environmentID int64, uid uuid.UUID) (*storage.EndedRun, error)
	StartDeploy(ctx context.Context, environmentID int64, uid uuid.UUID) error
}

// Deps are the parts that the interface stands on.
type Deps struct {
	Store    *storage.Store
	Records  *storage.Records
	Logs     *storage.Logs
	Blob     *storage.Blob
	Dispatch Dispatcher
	Proxy    *proxy.Proxy
	Catalog  *providers.Catalog
	// AppsOptional lets integrations of OAuth providers be made without a developer app: their connections are imported.
	AppsOptional bool
	// CallsPerMinute bounds the calls of an account; 0: they are not counted.
	CallsPerMinute int
	CountCall      func(ctx context.Context, accountID int64) (n int64, next time.Time, err error)
	PublicURL      string // without a slash at the end; all links come from it
	Logger         *slog.Logger
}

// Server answers the public interface.
type Server struct {
	Deps
	engine  *gin.Engine
	buffers sync.Pool // of proxied bodies
}

// New builds the server with its whole route table.
func New(d Deps) *Server {
	gin.SetMode(gin.ReleaseMode)
	s := &Server{Deps: d, engine: gin.New()}
	if s.Logger == nil {
		s.Logger = slog.New(slog.DiscardHandler)
	}
	e := s.engine
	// Connection ids may hold slashes and percent signs: routes match on the path as it was sent, and parameters are decoded
	// afterwards. A trailing slash is served, not redirected.
	// The router would decode them as query parameters, where a plus sign is a space: parameters does it.
	e.UseEscapedPath, e.UnescapePathValues = true, false
	e.RedirectTrailingSlash, e.RedirectFixedPath, e.RemoveExtraSlash = false, false, false
	e.HandleMethodNotAllowed = false
	e.Use(s.recovered, securityHeaders, cors)
	for _, r := range s.routes() {
		h := s.handler(r)
		for _, method := range r.methods() {
			e.Handle(method, r.path, h)
			if r.path[len(r.path)-1] != '/' && !r.wildcard() {
				e.Handle(method, r.path+"/", h)
			}
		}
	}
	e.NoRoute(func(c *gin.Context) {
		s.fail(c, causeway.Errorf(http.StatusNotFound, "not_found", "there is no %s %s", c.Request.Method, c.Request.URL.Path))
	})
	return s
}

// Handler is the whole interface.
func (s *Server) Handler() http.Handler { return s.engine }

// handler makes a route's chain: content type, body limit, authentication, scope, the handler itself.
func (s *Server) handler(r route) gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := parameters(c); err != nil {
			s.fail(c, err)
			return
		}
		if r.guarded {
			if err := jsonOnly(c.Request); err != nil {
				s.fail(c, err)
				return
			}
		}
		c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxBody)
		p, err := s.authenticate(c, r)
		if err != nil {
			s.fail(c, err)
			return
		}
		if err := s.limit(c, p); err != nil {
			s.fail(c, err)
			return
		}
		if err := r.handle(c, p); err != nil {
			s.fail(c, err)
		}
	}
}

// parameters decodes what the router has taken from the path.
func parameters(c *gin.Context) error {
	for i, p := range c.Params {
		if !strings.Contains(p.Value, "%") {
			continue
		}
		v, err := url.PathUnescape(p.Value)
		if err != nil {
			return (&issues{{Code: "invalid_format", Message: "Invalid string: the percent signs make no sense", Path: []string{p.Key}}}).err(badParams)
		}
		c.Params[i].Value = v
	}
	return nil
}

func (s *Server) recovered(c *gin.Context) {
	defer func() {
		if r := recover(); r != nil {
			if err, ok := r.(error); ok && err == http.ErrAbortHandler { //nolint:errorlint // net/http compares like this
				panic(r)
			}
			id := uuid.NewString()
			// The value may hold a customer's data: its type is enough beside the place.
			s.Logger.Error("a handler panicked", "id", id, "route", c.FullPath(), "type", typeName(r), "stack", stack())
			if !c.Writer.Written() {
				s.fail(c, &causeway.Error{Code: "generic_error_support", Status: http.StatusInternalServerError, Message: "internal error " + id, Payload: id})
			}
		}
	}()
	c.Next()
}

func securityHeaders(c *gin.Context) {
	h := c.Writer.Header()
	h.Set("X-XSS-Protection", "1; mode=block")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Download-Options", "noopen")
	h.Set("X-Frame-Options", "SAMEORIGIN")
	h.Set("X-DNS-Prefetch-Control", "off")
	h.Set("Referrer-Policy", "strict-origin")
	h.Set("Strict-Transport-Security", "max-age=5184000")
	h.Set("Content-Security-Policy-Report-Only", "default-src 'self'")
}

const (
	corsRequestHeaders  = "Authorization, Content-Type, Accept, Origin, X-Requested-With, Nango-Activity-Log-Id, Nango-Is-Dry-Run, Nango-Is-Sync, Provider-Config-Key, Connection-Id, Sentry-Trace, Baggage"
	corsResponseHeaders = "Authorization, Etag, Content-Type, Content-Length, X-Nango-Signature, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset"
)

func cors(c *gin.Context) {
	h := c.Writer.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", corsResponseHeaders)
	if c.Request.Method == http.MethodOptions && c.GetHeader("Access-Control-Request-Method") != "" {
		h.Set("Access-Control-Max-Age", "600")
		h.Set("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE, OPTIONS")
		h.Set("Access-Control-Allow-Headers", corsRequestHeaders)
		c.AbortWithStatus(http.StatusNoContent)
	}
}
