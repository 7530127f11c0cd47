package config_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/causeway-dev/causeway/config"
)

func write(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "settings")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func TestAValueComesFromTheEnvironmentThenTheFileThenTheDefault(t *testing.T) {
	path := write(t, "egress:\n  allow_private: true\n  deny: [a.test, b.test]\nworker:\n  drain: 5s\n")
	c, err := config.Load(path, []string{"CAUSEWAY_WORKER_DRAIN=7s", "HOME=/root", "CAUSEWAY_URL=http://x", "CAUSEWAY_TEST_X=1"})
	require.NoError(t, err)
	assert.True(t, c.Egress.AllowPrivate)
	assert.Equal(t, []string{"a.test", "b.test"}, c.Egress.Deny)
	assert.Equal(t, 7*time.Second, c.Worker.Drain)
	assert.Equal(t, 15*time.Second, c.Worker.Lease)
	assert.Equal(t, config.FromEnv, c.Source("worker.drain"))
	assert.Equal(t, config.Source(path), c.Source("egress.deny"))
	assert.Equal(t, config.FromDefault, c.Source("worker.lease"))
}

func TestASecretMayComeFromAFile(t *testing.T) {
	path := write(t, "\ufeffc2VjcmV0\n")
	c, err := config.Load("", []string{"CAUSEWAY_ENCRYPTION_KEY_FILE=" + path})
	require.NoError(t, err)
	assert.Equal(t, "c2VjcmV0", c.Encryption.Key)
	for _, s := range c.Settings() {
		if s.Key == "encryption.key" {
			assert.Equal(t, "********", s.Masked())
			assert.Equal(t, "CAUSEWAY_ENCRYPTION_KEY", s.Env)
		}
	}
}

func TestMistakesAreNamed(t *testing.T) {
	for _, c := range []struct{ name, file, env, want string }{
		{"unknown key in the file", "egres:\n  mode: x\n", "", "unknown setting egres (did you mean egress."},
		{"unknown key in a group", "egress:\n  allow_privat: true\n", "", "line 2: unknown setting egress.allow_privat (did you mean egress.allow_private?)"},
		{"unknown variable", "", "CAUSEWAY_EGRESS_ALLOW_PRIVAT=true", "CAUSEWAY_EGRESS_ALLOW_PRIVAT is no setting (did you mean CAUSEWAY_EGRESS_ALLOW_PRIVATE?)"},
		{"file for what is no secret", "", "CAUSEWAY_LOG_LEVEL_FILE=/x", "CAUSEWAY_LOG_LEVEL_FILE is no setting"},
		{"missing secret file", "", "CAUSEWAY_ENCRYPTION_KEY_FILE=/nowhere", "/nowhere: no such file"},
		{"no boolean", "", "CAUSEWAY_EGRESS_ALLOW_PRIVATE=maybe", `"maybe" is neither true nor false`},
		{"no duration", "worker:\n  drain: soon\n", "", `worker.drain: "soon" is no duration`},
		{"none of the values", "log:\n  level: loud\n", "", `log.level: "loud" is none of debug, info, warn, error`},
		{"lease too short", "", "CAUSEWAY_WORKER_LEASE=3s", "worker.lease: not under 10s"},
		{"a group where a value belongs", "log:\n  level:\n    a: b\n", "", "log.level: is one value, not a group"},
		{"a value where a group belongs", "log: debug\n", "", "log has to be a group of settings"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := ""
			if c.file != "" {
				path = write(t, c.file)
			}
			var env []string
			if c.env != "" {
				env = []string{c.env}
			}
			_, err := config.Load(path, env)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestGivenTwiceIsAnError(t *testing.T) {
	path := write(t, "x")
	_, err := config.Load("", []string{"CAUSEWAY_ENCRYPTION_KEY=a", "CAUSEWAY_ENCRYPTION_KEY_FILE=" + path})
	require.ErrorContains(t, err, "given twice")
}

func TestEverySettingHasADocumentationLine(t *testing.T) {
	c, err := config.Load("", nil)
	require.NoError(t, err)
	for _, s := range c.Settings() {
		assert.NotEmpty(t, s.Doc, s.Key)
	}
}
