package auth_test

import (
	"context"
	"testing"
	"time"

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
		{causeway.Credentials{"type": "APP", "access_token": "t"}, "Bearer t"},
		{causeway.Credentials{"type": "JWT", "token": "t"}, "Bearer t"},
		{causeway.Credentials{"type": "TWO_STEP", "token": "t"}, "Bearer t"},
		{causeway.Credentials{"type": "BILL", "username": "u"}, ""},
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

type renewer struct{ calls int }

func (r *renewer) Renew(_ context.Context, c *causeway.Connection, _ bool) (*causeway.Connection, error) {
	r.calls++
	fresh := *c
	fresh.CredentialsVersion++
	return &fresh, nil
}

func TestCredentialsAreRenewedOnlyWhenTheyEndSoonAndCanBe(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	soon, late := now.Add(14*time.Minute), now.Add(16*time.Minute)
	oauth := causeway.Credentials{"type": "OAUTH2", "access_token": "a", "refresh_token": "r"}
	for _, c := range []struct {
		name       string
		connection causeway.Connection
		renewed    bool
	}{
		{"ends soon", causeway.Connection{Credentials: oauth, ExpiresAt: &soon}, true},
		{"ends later", causeway.Connection{Credentials: oauth, ExpiresAt: &late}, false},
		{"has no end", causeway.Connection{Credentials: oauth}, false},
		{"no refresh token", causeway.Connection{Credentials: causeway.Credentials{"type": "OAUTH2", "access_token": "a"}, ExpiresAt: &soon}, false},
		{"client credentials", causeway.Connection{Credentials: causeway.Credentials{"type": "OAUTH2_CC", "token": "a"}, ExpiresAt: &soon}, true},
		{"API key", causeway.Connection{Credentials: causeway.Credentials{"type": "API_KEY", "apiKey": "a"}, ExpiresAt: &soon}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &renewer{}
			got, err := (&auth.Keeper{Renewer: r, Now: func() time.Time { return now }}).Ready(t.Context(), &c.connection)
			require.NoError(t, err)
			assert.Equal(t, c.renewed, r.calls == 1)
			assert.Equal(t, c.renewed, got.CredentialsVersion == 1)
		})
	}
	var none *auth.Keeper
	got, err := none.Ready(t.Context(), &causeway.Connection{ExpiresAt: &soon})
	require.NoError(t, err)
	assert.NotNil(t, got)
}
