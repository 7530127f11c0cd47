package config_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/causeway-dev/causeway/config"
)

func TestTheDocumentedTableIsTheCode(t *testing.T) {
	raw, err := os.ReadFile("../docs/settings.md")
	require.NoError(t, err)
	assert.Contains(t, string(raw), config.Reference(), "write it anew: causeway config reference")
}
