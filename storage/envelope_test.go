package storage

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Both vectors that are published with the XAES-256-GCM specification (C2SP); the second takes the other branch of the
// doubling.
func TestXAESVectors(t *testing.T) {
	nonce := []byte("ABCDEFGHIJKLMNOPQRSTUVWX")
	for _, v := range []struct {
		key       byte
		aad, want string
	}{
		{1, "", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"},
		{3, "c2sp.org/XAES-256-GCM", "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"},
	} {
		k, err := newDataKey(1, bytes.Repeat([]byte{v.key}, 32))
		require.NoError(t, err)
		gcm, err := k.derive(nonce[:12])
		require.NoError(t, err)
		assert.Equal(t, v.want, hex.EncodeToString(gcm.Seal(nil, nonce[12:], []byte("XAES-256-GCM"), []byte(v.aad))))
	}
}
