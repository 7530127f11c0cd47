package auth

import (
	"encoding/base64"

	causeway "github.com/causeway-dev/causeway"
)

// basic is a user name and a password (RFC 7617). Either may be empty.
type basic struct{}

func (basic) Header(c causeway.Credentials) (string, error) {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(c.Text("username")+":"+c.Text("password"))), nil
}

func (basic) Token(causeway.Credentials) string { return "" }
