package auth_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/auth"
)

func TestTheHeaderOfEachMode(t *testing.T) {
	for _, c := range []struct {
		credentials causeway.Credentials
		want        string
	}{
		{causeway.Credentials{"type": "API_KEY", "apiKey": "k"}, ""},
		{causeway.Credentials{"type": "NONE"}, ""},
		{causeway.Credentials{"type": "BASIC", "username": "u", "password": ""}, "Basic dTo="},
		{causeway.Credentials{"type": "OAUTH2", "access_token": "t"}, "Bearer t"},
		{causeway.Credentials{"type": "OAUTH2_CC", "token": "t"}, "Bearer t"},
	} {
		m, ok := auth.For(c.credentials.Type())
		require.True(t, ok)
		got, err := m.Header(c.credentials)
		require.NoError(t, err)
		assert.Equal(t, c.want, got)
	}
	m, _ := auth.For(causeway.AuthOAuth2)
	_, err := m.Header(causeway.Credentials{"type": "OAUTH2"})
	require.ErrorContains(t, err, "access_token")
	_, ok := auth.For(causeway.AuthTBA)
	assert.False(t, ok)
}
