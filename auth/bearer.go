package auth

import (
	"fmt"

	causeway "github.com/causeway-dev/causeway"
)

// bearer is a token (RFC 6750) in a field of the credentials.
type bearer struct{ field string }

func (b bearer) Header(c causeway.Credentials) (string, error) {
	token := c.Text(b.field)
	if token == "" {
		return "", fmt.Errorf("the credentials have no %s", b.field)
	}
	return "Bearer " + token, nil
}

func (b bearer) Token(c causeway.Credentials) string { return c.Text(b.field) }
