package api

import (
	"context"
	"errors"
	"mime"
	"net/http"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/storage"
)

// principal is who calls: a key and the environment that it belongs to.
type principal struct {
	key         *causeway.APIKey
	environment *causeway.Environment
}

// allows says whether the caller holds a scope.
func (p *principal) allows(scope string) bool { return p.key.Allows(scope) }

var secretFormat = regexp.MustCompile(`(?i)^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

// unauthorized is a failure of authentication; its envelope always carries a payload.
func unauthorized(code, message string) *causeway.Error {
	return &causeway.Error{Code: code, Status: http.StatusUnauthorized, Message: message, Legacy: true}
}

func (s *Server) authenticate(c *gin.Context, r route) (*principal, error) {
	if r.open {
		return nil, nil //nolint:nilnil // nobody has to say who he is
	}
	secret, err := bearer(c.Request)
	if err != nil {
		return nil, err
	}
	ctx := c.Request.Context()
	key, err := s.Store.APIKey(ctx, secret)
	if errors.Is(err, storage.ErrUnknownKey) {
		return nil, unauthorized("unknown_account", "Authentication failed. The provided secret key does not match any account.")
	}
	if err != nil {
		return nil, err
	}
	return s.authorize(ctx, key, r)
}

func (s *Server) authorize(ctx context.Context, key *causeway.APIKey, r route) (*principal, error) {
	if len(r.scopes) > 0 && !slices.ContainsFunc(r.scopes, key.Allows) {
		if len(r.scopes) == 1 {
			return nil, causeway.Errorf(http.StatusForbidden, "forbidden", "Insufficient scope. Required: %s", r.scopes[0])
		}
		return nil, causeway.Errorf(http.StatusForbidden, "forbidden", "Insufficient scope. Required one of: %s", strings.Join(r.scopes, " or "))
	}
	if key.EnvironmentID == 0 {
		return nil, causeway.Errorf(http.StatusForbidden, "forbidden", "API key is not authorized for an environment")
	}
	environment, err := s.Store.Environment(ctx, key.EnvironmentID)
	if errors.Is(err, causeway.ErrNotFound) {
		return nil, unauthorized("unknown_account", "Authentication failed. The provided secret key does not match any account.")
	}
	if err != nil {
		return nil, err
	}
	return &principal{key, environment}, nil
}

// bearer is the secret of the Authorization header: whatever follows the last "Bearer ", so a bare key works too.
func bearer(r *http.Request) (string, error) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return "", unauthorized("missing_auth_header", "Authentication failed. The request is missing the Authorization header.")
	}
	if i := strings.LastIndex(header, "Bearer "); i >= 0 {
		header = header[i+len("Bearer "):]
	}
	header = strings.TrimSpace(header)
	if header == "" || header == "Bearer" {
		return "", unauthorized("malformed_auth_header", "Authentication failed. The Authorization header is malformed.")
	}
	if !secretFormat.MatchString(header) {
		return "", unauthorized("invalid_secret_key_format", "Authentication failed. The provided secret key is not a UUID v4.")
	}
	return strings.ToLower(header), nil
}

// jsonOnly refuses a body of another type, before anybody is asked who he is. No type is fine.
func jsonOnly(r *http.Request) error {
	header := r.Header.Get("Content-Type")
	if header == "" || strings.HasPrefix(header, "application/json") {
		return nil
	}
	kind, _, err := mime.ParseMediaType(header)
	if err != nil {
		kind = "unknown"
	}
	return causeway.Errorf(http.StatusUnsupportedMediaType, "invalid_content_type", "Content-Type must be application/json, not %s", kind)
}

func stack() string { return string(debug.Stack()) }
