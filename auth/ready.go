package auth

import (
	"context"
	"time"

	causeway "github.com/causeway-dev/causeway"
)

// Renewer gets new credentials for a connection from its provider and stores them. One call at a time per connection is
// its business, and so is what a failure means for the connection.
type Renewer interface {
	Renew(ctx context.Context, c *causeway.Connection, force bool) (*causeway.Connection, error)
}

// Keeper hands out connections whose credentials are ready to be used.
type Keeper struct {
	Renewer Renewer          // nil: credentials are used as they were given
	Now     func() time.Time // nil: the real clock
	Margin  time.Duration    // credentials that end within it are renewed; 0: 15 minutes
}

// Ready returns the connection, renewed if its credentials are about to end. Credentials without an end are never due, and
// neither are those that can't be renewed: the provider will say so.
func (k *Keeper) Ready(ctx context.Context, c *causeway.Connection) (*causeway.Connection, error) {
	if k == nil || k.Renewer == nil || c.ExpiresAt == nil || !renewable(c.Credentials) {
		return c, nil
	}
	now, margin := time.Now, k.Margin
	if k.Now != nil {
		now = k.Now
	}
	if margin == 0 {
		margin = 15 * time.Minute
	}
	if now().Add(margin).Before(*c.ExpiresAt) {
		return c, nil
	}
	return k.Renewer.Renew(ctx, c, false)
}

// renewable says whether there is something to renew credentials with.
func renewable(c causeway.Credentials) bool {
	switch c.Type() {
	case causeway.AuthOAuth2:
		return c.Text("refresh_token") != ""
	case causeway.AuthOAuth2CC, causeway.AuthApp, causeway.AuthCustom, causeway.AuthJWT, causeway.AuthBill, causeway.AuthTwoStep,
		causeway.AuthSignature, causeway.AuthAWSSigV4:
		return true
	default:
		return false
	}
}
