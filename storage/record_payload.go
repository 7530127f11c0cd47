package storage

import (
	"context"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"runtime"
	"sync"
)

// hashVersion tells how a record's hash was made: this canonical form, HMAC-SHA-256. It is the hash's first byte.
const hashVersion = 1

// recordHasher makes the hashes by which a change is seen. They are keyed per environment: who reads the database can't
// guess small payloads. The key is never rotated, or every record would look changed.
type recordHasher struct {
	key  []byte
	macs sync.Pool
}

func (r *Records) hasher(ctx context.Context, env int64) (*recordHasher, error) {
	if h, ok := r.hashers.Get(env); ok {
		return h, nil
	}
	k, err := r.keys.sealing(ctx, PurposeRecordHash, env)
	if err != nil {
		return nil, fmt.Errorf("key of the record hashes of environment %d: %w", env, err)
	}
	// The data key is an AES key; two blocks under it are the MAC's.
	h := &recordHasher{key: make([]byte, 32)}
	copy(h.key[:16], "record hash no 1")
	copy(h.key[16:], "record hash no 2")
	k.block.Encrypt(h.key[:16], h.key[:16])
	k.block.Encrypt(h.key[16:], h.key[16:])
	h.macs.New = func() any { return hmac.New(sha256.New, h.key) }
	r.hashers.Add(env, h)
	return h, nil
}

func (h *recordHasher) sum(canonical []byte) []byte {
	m, _ := h.macs.Get().(hash.Hash)
	m.Reset()
	_, _ = m.Write(canonical) // never fails
	var sum [sha256.Size]byte
	m.Sum(sum[:0])
	h.macs.Put(m)
	out := make([]byte, 16)
	out[0] = hashVersion
	copy(out[1:], sum[:])
	return out
}

// A payload's envelope is that of envelope.go. Beside it are authenticated its column, environment, model and external id:
// moved to another record it does not open. The first plain byte is the form: 0 as it is, 1 zstd.
const (
	payloadPlain = 0
	payloadZstd  = 1
)

func recordAAD(buf []byte, env, model int64, externalID, header []byte) []byte {
	buf = append(buf, "record_payload.payload\x00"...)
	buf = binary.BigEndian.AppendUint64(buf, uint64(env))
	buf = binary.BigEndian.AppendUint64(buf, uint64(model))
	return append(append(buf, header...), externalID...)
}

// payloadSealer derives one key and counts nonces under it: one for each batch and goroutine.
type payloadSealer struct {
	r          *Records
	env, model int64
	keyID      uint32
	gcm        cipher.AEAD
	half       [12]byte
	n          uint64
	buf, aad   []byte
}

func (r *Records) sealer(key *dataKey, env, model int64) (*payloadSealer, error) {
	s := &payloadSealer{r: r, env: env, model: model, keyID: key.id}
	_, _ = rand.Read(s.half[:]) // never fails
	var err error
	s.gcm, err = key.derive(s.half[:])
	return s, err
}

func (s *payloadSealer) seal(externalID string, plain []byte) []byte {
	s.buf = append(s.buf[:0], payloadZstd)
	if len(plain) >= s.r.compressFrom {
		s.buf = s.r.zip.EncodeAll(plain, s.buf)
	}
	if len(s.buf) == 1 || len(s.buf) > len(plain) {
		s.buf = append(append(s.buf[:0], payloadPlain), plain...)
	}
	out := make([]byte, envelopeHeader+envelopeNonce, len(s.buf)+envelopeOverhead)
	out[0] = envelopeVersion
	binary.BigEndian.PutUint32(out[1:], s.keyID)
	copy(out[envelopeHeader:], s.half[:])
	s.n++
	binary.BigEndian.PutUint64(out[envelopeHeader+envelopeNonce-8:], s.n)
	s.aad = recordAAD(s.aad[:0], s.env, s.model, []byte(externalID), out[:envelopeHeader])
	return s.gcm.Seal(out, out[envelopeHeader+12:envelopeHeader+envelopeNonce], s.buf, s.aad)
}

// payloadOpener remembers derived keys: the rows of one batch share theirs.
type payloadOpener struct {
	r          *Records
	env, model int64
	keys       map[[16]byte]cipher.AEAD
	buf, aad   []byte
}

func (r *Records) opener(env, model int64) *payloadOpener {
	return &payloadOpener{r: r, env: env, model: model, keys: map[[16]byte]cipher.AEAD{}}
}

// open appends the plain payload to dst.
func (o *payloadOpener) open(ctx context.Context, dst, envelope, externalID []byte) ([]byte, error) {
	id, err := envelopeKey(envelope)
	if err != nil {
		return dst, err
	}
	name := [16]byte(envelope[1:17]) // key id and half nonce
	gcm := o.keys[name]
	if gcm == nil {
		key, err := o.r.keys.opening(ctx, o.env, id)
		if err != nil {
			return dst, err
		}
		if gcm, err = key.derive(envelope[envelopeHeader : envelopeHeader+12]); err != nil {
			return dst, err
		}
		if len(o.keys) < 4096 {
			o.keys[name] = gcm
		}
	}
	o.aad = recordAAD(o.aad[:0], o.env, o.model, externalID, envelope[:envelopeHeader])
	o.buf, err = gcm.Open(o.buf[:0], envelope[envelopeHeader+12:envelopeHeader+envelopeNonce], envelope[envelopeHeader+envelopeNonce:], o.aad)
	if err != nil || len(o.buf) == 0 {
		return dst, fmt.Errorf("payload of a record in model %d of environment %d: %w", o.model, o.env, ErrEnvelope)
	}
	switch o.buf[0] {
	case payloadPlain:
		return append(dst, o.buf[1:]...), nil
	case payloadZstd:
		out, err := o.r.unzip.DecodeAll(o.buf[1:], dst)
		if err != nil {
			return dst, fmt.Errorf("payload of a record in model %d of environment %d: %w", o.model, o.env, err)
		}
		return out, nil
	default:
		return dst, fmt.Errorf("payload of a record in model %d of environment %d has the unknown form %d", o.model, o.env, o.buf[0])
	}
}

// eachPart splits n items over the cores; few items stay on one. It returns the first error.
func eachPart(n int, f func(lo, hi int) error) error {
	parts := min(runtime.GOMAXPROCS(0), n/100+1, 4)
	errs := make([]error, parts)
	var wg sync.WaitGroup
	for k := 1; k < parts; k++ {
		wg.Go(func() { errs[k] = f(n*k/parts, n*(k+1)/parts) })
	}
	errs[0] = f(0, n/parts)
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
