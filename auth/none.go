package auth

// none is a provider that wants no authentication.
type none struct{ placed }
