package auth

import (
	causeway "github.com/causeway-dev/causeway"
)

// Mode is one way to authenticate.
type Mode interface {
	// Header is the value of the Authorization header for these credentials; empty: the provider's own headers say it all.
	Header(c causeway.Credentials) (string, error)
}

// modes are the ways that calls can be authorised by so far. A mode that isn't here has no default header, or can't be used.
var modes = map[causeway.AuthMode]Mode{
	causeway.AuthAPIKey:   apiKey{},
	causeway.AuthBasic:    basic{},
	causeway.AuthNone:     none{},
	causeway.AuthOAuth2:   bearer{field: "access_token"},
	causeway.AuthOAuth2CC: bearer{field: "token"},
}

// For returns the mode of credentials; false: calls can't be authorised by it.
func For(mode causeway.AuthMode) (Mode, bool) {
	m, ok := modes[mode]
	return m, ok
}
