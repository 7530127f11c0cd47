package auth

import (
	causeway "github.com/causeway-dev/causeway"
)

// Mode is one way to authenticate.
type Mode interface {
	// Header is the default value of the Authorization header for these credentials; empty: the provider's own headers,
	// query parameters or body fields say it all.
	Header(c causeway.Credentials) (string, error)
	// Token is what ${accessToken} stands for; empty: the mode has no such thing.
	Token(c causeway.Credentials) string
}

// modes are the ways in which calls can be authorised. A mode that isn't here can't be used for calls yet: each would need
// a signature over the whole request.
var modes = map[causeway.AuthMode]Mode{
	causeway.AuthAPIKey:    apiKey{},
	causeway.AuthApp:       bearer{field: "access_token"},
	causeway.AuthBasic:     basic{},
	causeway.AuthBill:      placed{},
	causeway.AuthCustom:    placed{},
	causeway.AuthJWT:       bearer{field: "token"},
	causeway.AuthNone:      none{},
	causeway.AuthOAuth2:    bearer{field: "access_token"},
	causeway.AuthOAuth2CC:  bearer{field: "token"},
	causeway.AuthSignature: bearer{field: "token"},
	causeway.AuthTwoStep:   bearer{field: "token"},
}

// For returns the mode of credentials; false: calls can't be authorised by it.
func For(mode causeway.AuthMode) (Mode, bool) {
	m, ok := modes[mode]
	return m, ok
}
