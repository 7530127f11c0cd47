package causeway_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
)

func TestAConnectionShowsItsRefreshTokenOnlyOnRequest(t *testing.T) {
	c := &causeway.Connection{
		ConnectionID: "c", CreatedAt: time.Unix(0, 0), UpdatedAt: time.Unix(0, 0), Metadata: json.RawMessage(`{}`),
		Config:      map[string]any{"user": map[string]any{"Refresh-Token": "x", "site": "s"}},
		Credentials: causeway.Credentials{"type": "OAUTH2", "access_token": "a", "refresh_token": "r", "raw": map[string]any{"refreshToken": "r", "list": []any{map[string]any{"refresh_token": 1}}}},
	}
	hidden, err := json.Marshal(causeway.NewConnectionWire(c, causeway.ConnectionView{Credentials: true, TimeFormat: causeway.TimeOffset}))
	require.NoError(t, err)
	assert.NotContains(t, string(hidden), "efresh")
	assert.Contains(t, string(hidden), `"created_at":"1970-01-01T00:00:00.000+00:00"`)
	assert.Contains(t, string(hidden), `"site":"s"`)
	assert.Equal(t, "r", c.Credentials["refresh_token"], "the shared value is not changed")

	shown := causeway.NewConnectionWire(c, causeway.ConnectionView{Credentials: true, RefreshToken: true, TimeFormat: causeway.TimeZ})
	assert.Equal(t, "r", shown.Credentials["refresh_token"])
	assert.Equal(t, "1970-01-01T00:00:00.000Z", shown.CreatedAt)
	none := causeway.NewConnectionWire(c, causeway.ConnectionView{TimeFormat: causeway.TimeZ})
	assert.Empty(t, none.Credentials)
}
