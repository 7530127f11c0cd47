package auth

import causeway "github.com/causeway-dev/causeway"

// apiKey is a key that goes where the provider's headers or query parameters put it.
type apiKey struct{}

func (apiKey) Header(causeway.Credentials) (string, error) { return "", nil }
