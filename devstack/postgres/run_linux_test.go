package postgres

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Root where user namespaces are forbidden, as in many containers: the server runs as another user, whose data lie where that user may
// go, although the state folder is closed to all but root.
func TestRootWithoutNamespaces(t *testing.T) {
	if os.Geteuid() != 0 {
		return // nobody else can become another user
	}
	as, err := otherUser()
	require.NoError(t, err)
	state := filepath.Join(t.TempDir(), "closed")
	require.NoError(t, os.MkdirAll(state, 0o700))
	o := Options{Dir: filepath.Join(state, "postgres"), FastDisk: true}
	s, err := startAs(t.Context(), as, o)
	require.NoError(t, err)
	real, err := os.Readlink(o.Dir)
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(filepath.Dir(real)) })
	require.NoError(t, s.CreateDatabase(t.Context(), "kept"))
	stop(t, s)

	s, err = startAs(t.Context(), as, o)
	require.NoError(t, err)
	assert.Equal(t, "1", query(t, s, `select count(*)::text from pg_database where datname = 'kept'`))
	stop(t, s)

	require.NoError(t, os.Remove(o.Dir)) // as --reset does
	s, err = startAs(t.Context(), as, o)
	require.NoError(t, err)
	assert.Equal(t, "0", query(t, s, `select count(*)::text from pg_database where datname = 'kept'`))
	stop(t, s)
}
