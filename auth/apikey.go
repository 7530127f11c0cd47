package auth

import causeway "github.com/causeway-dev/causeway"

// apiKey is a key that goes where the provider's headers, query parameters or body fields put it.
type apiKey struct{ placed }

// placed are credentials without a default header.
type placed struct{}

func (placed) Header(causeway.Credentials) (string, error) { return "", nil }

func (placed) Token(causeway.Credentials) string { return "" }
