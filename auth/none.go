package auth

import causeway "github.com/causeway-dev/causeway"

// none is a provider that wants no authentication.
type none struct{}

func (none) Header(causeway.Credentials) (string, error) { return "", nil }
