package storage

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
)

// An envelope is how every secret is kept: 0x01 | data key id, 4 bytes | nonce, 24 bytes | ciphertext | tag, 16 bytes. It is
// 45 bytes longer than its text. The cipher is XAES-256-GCM (C2SP): with a nonce of 24 random bytes one key may seal without
// counting messages, which plain AES-GCM has to stop after 2^32.
const (
	envelopeVersion  = 1
	envelopeHeader   = 1 + 4
	envelopeNonce    = 24
	envelopeOverhead = envelopeHeader + envelopeNonce + 16
)

// ErrEnvelope is returned, wrapped, for a ciphertext that doesn't open: it is damaged, or it was moved here from another row.
var ErrEnvelope = errors.New("the ciphertext does not open")

// AAD binds an envelope to its place: a ciphertext that is moved to another column, environment or row does not open.
type AAD struct {
	Column string // "table.column"
	Row    int64
}

func (a AAD) bytes(environmentID int64, header []byte) []byte {
	out := make([]byte, 0, len(a.Column)+1+16+len(header))
	out = append(append(out, a.Column...), 0)
	out = binary.BigEndian.AppendUint64(out, uint64(environmentID))
	out = binary.BigEndian.AppendUint64(out, uint64(a.Row))
	return append(out, header...)
}

// dataKey is one AES-256 key with what XAES derives once from it.
type dataKey struct {
	id    uint32
	block cipher.Block
	k1    [16]byte // CMAC subkey
}

func newDataKey(id uint32, key []byte) (*dataKey, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	k := &dataKey{id: id, block: block}
	var l [16]byte
	block.Encrypt(l[:], l[:])
	var carry byte
	for i := 15; i >= 0; i-- { // L doubled in GF(2^128)
		k.k1[i] = l[i]<<1 | carry
		carry = l[i] >> 7
	}
	k.k1[15] ^= carry * 0x87
	return k, nil
}

// derive makes the AES-GCM key of the first half of a nonce.
func (k *dataKey) derive(half []byte) (cipher.AEAD, error) {
	var key [32]byte
	for i := range 2 {
		m := [16]byte{0, byte(i + 1), 'X', 0}
		copy(m[4:], half)
		for j := range m {
			m[j] ^= k.k1[j]
		}
		k.block.Encrypt(key[16*i:], m[:])
	}
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func (k *dataKey) seal(environmentID int64, aad AAD, plain []byte) ([]byte, error) {
	out := make([]byte, envelopeHeader+envelopeNonce, len(plain)+envelopeOverhead)
	out[0] = envelopeVersion
	binary.BigEndian.PutUint32(out[1:], k.id)
	_, _ = rand.Read(out[envelopeHeader:]) // never fails
	gcm, err := k.derive(out[envelopeHeader : envelopeHeader+12])
	if err != nil {
		return nil, err
	}
	return gcm.Seal(out, out[envelopeHeader+12:envelopeHeader+envelopeNonce], plain, aad.bytes(environmentID, out[:envelopeHeader])), nil
}

func (k *dataKey) open(environmentID int64, aad AAD, envelope []byte) ([]byte, error) {
	gcm, err := k.derive(envelope[envelopeHeader : envelopeHeader+12])
	if err != nil {
		return nil, err
	}
	plain, err := gcm.Open(nil, envelope[envelopeHeader+12:envelopeHeader+envelopeNonce], envelope[envelopeHeader+envelopeNonce:],
		aad.bytes(environmentID, envelope[:envelopeHeader]))
	if err != nil {
		return nil, fmt.Errorf("%s of environment %d, row %d: %w", aad.Column, environmentID, aad.Row, ErrEnvelope)
	}
	return plain, nil
}

// envelopeKey is the id of the data key that sealed an envelope.
func envelopeKey(envelope []byte) (uint32, error) {
	if len(envelope) < envelopeOverhead || envelope[0] != envelopeVersion {
		return 0, fmt.Errorf("this is no envelope: %w", ErrEnvelope)
	}
	return binary.BigEndian.Uint32(envelope[1:]), nil
}
