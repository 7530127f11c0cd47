package causeway

import (
	"strings"
	"time"
)

// APIKey is a secret that a program presents as a bearer token. The secret itself is never kept here.
type APIKey struct {
	ID            int64
	AccountID     int64
	EnvironmentID int64 // 0 for an account key
	DisplayName   string
	Scopes        []string
	CreatedAt     time.Time
	ExpiresAt     *time.Time
}

// Allows says whether the key holds a scope that covers required. A granted scope that ends in ":*" covers everything
// below it.
func (k *APIKey) Allows(required string) bool {
	for _, granted := range k.Scopes {
		if granted == required {
			return true
		}
		if prefix, ok := strings.CutSuffix(granted, "*"); ok && strings.HasSuffix(prefix, ":") && strings.HasPrefix(required, prefix) {
			return true
		}
	}
	return false
}
