package crypto

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des" //nolint:gosec // triple DES is what some APIs still demand
	"crypto/subtle"
	"slices"
	"strings"

	"github.com/dop251/goja"
)

// suite is a cipher by its OpenSSL name.
type suite struct {
	keySize int // bytes
	ivSize  int // bytes; 0: none; the one of GCM may be any but empty
	mode    string
	block   func([]byte) (cipher.Block, error)
}

// suites are the ciphers that APIs of the field demand, among them some that nobody should choose today.
var suites = map[string]suite{
	"aes-128-cbc": {16, 16, "cbc", aes.NewCipher}, "aes-192-cbc": {24, 16, "cbc", aes.NewCipher}, "aes-256-cbc": {32, 16, "cbc", aes.NewCipher},
	"aes-128-ctr": {16, 16, "ctr", aes.NewCipher}, "aes-192-ctr": {24, 16, "ctr", aes.NewCipher}, "aes-256-ctr": {32, 16, "ctr", aes.NewCipher},
	"aes-128-ecb": {16, 0, "ecb", aes.NewCipher}, "aes-192-ecb": {24, 0, "ecb", aes.NewCipher}, "aes-256-ecb": {32, 0, "ecb", aes.NewCipher},
	"aes-128-gcm": {16, 12, "gcm", aes.NewCipher}, "aes-192-gcm": {24, 12, "gcm", aes.NewCipher}, "aes-256-gcm": {32, 12, "gcm", aes.NewCipher},
	"des-ede3-cbc": {24, 8, "cbc", des.NewTripleDESCipher},
}

func suiteOf(name string) (suite, bool) {
	s, ok := suites[strings.ToLower(name)]
	return s, ok
}

// maxCiphertext bounds what one cipher object takes in all, so that it can't hold more than a buffer may.
const maxCiphertext = 256 << 20

// stream is a cipher at work: bytes in, as many bytes out as are certain.
type stream interface {
	update(in []byte) []byte
	// final is what is left; code is an OpenSSL reason if it can't be.
	final() (out []byte, code string)
}

// newCipher takes name, whether to encrypt, key, iv or null, and the tag's length. It returns an object with update, final, aad,
// padding, setTag and tag.
func (n *native) newCipher(c goja.FunctionCall) goja.Value {
	s, ok := suiteOf(c.Argument(0).String())
	if !ok {
		n.env.Throw("Error", "ERR_CRYPTO_UNKNOWN_CIPHER", "Unknown cipher")
	}
	encrypt, key := c.Argument(1).ToBoolean(), n.env.MustBytes(c.Argument(2))
	if len(key) != s.keySize {
		n.env.Throw("RangeError", "ERR_CRYPTO_INVALID_KEYLEN", "Invalid key length")
	}
	var iv []byte
	if !goja.IsNull(c.Argument(3)) {
		iv = slices.Clone(n.env.MustBytes(c.Argument(3)))
	}
	if s.mode == "gcm" && len(iv) == 0 || s.mode != "gcm" && len(iv) != s.ivSize {
		n.env.Throw("TypeError", "ERR_CRYPTO_INVALID_IV", "Invalid initialization vector")
	}
	block, err := s.block(key)
	if err != nil {
		n.env.Throw("RangeError", "ERR_CRYPTO_INVALID_KEYLEN", "Invalid key length")
	}
	var work stream
	switch s.mode {
	case "ctr":
		work = ctr{cipher.NewCTR(block, iv)}
	case "gcm":
		work = newGCM(block, iv, encrypt, int(c.Argument(4).ToInteger()))
	default:
		work = &blocks{mode: blockMode(s.mode, block, iv, encrypt), encrypt: encrypt, pad: true}
	}
	return n.cipherObject(work)
}

func blockMode(mode string, block cipher.Block, iv []byte, encrypt bool) cipher.BlockMode {
	switch {
	case mode == "ecb":
		return ecb{block, encrypt}
	case encrypt:
		return cipher.NewCBCEncrypter(block, iv)
	default:
		return cipher.NewCBCDecrypter(block, iv)
	}
}

func (n *native) cipherObject(work stream) goja.Value {
	taken := 0
	methods := map[string]func(goja.FunctionCall) goja.Value{
		"update": func(c goja.FunctionCall) goja.Value {
			in := n.env.MustBytes(c.Argument(0))
			if taken += len(in); taken > maxCiphertext {
				n.env.Throw("RangeError", "ERR_OUT_OF_RANGE", "At most %d bytes may be encrypted at once", maxCiphertext)
			}
			return n.env.ArrayBuffer(work.update(in))
		},
		"final": func(goja.FunctionCall) goja.Value {
			out, code := work.final()
			if code != "" {
				n.cipherFailure(code)
			}
			return n.env.ArrayBuffer(out)
		},
		"padding": func(c goja.FunctionCall) goja.Value {
			if b, ok := work.(*blocks); ok {
				b.pad = c.Argument(0).ToBoolean()
			}
			return goja.Undefined()
		},
		"aad": func(c goja.FunctionCall) goja.Value {
			if g, ok := work.(*gcm); ok {
				g.aad = append(g.aad, n.env.MustBytes(c.Argument(0))...)
			}
			return goja.Undefined()
		},
		"setTag": func(c goja.FunctionCall) goja.Value {
			g, ok := work.(*gcm)
			tag := n.env.MustBytes(c.Argument(0))
			if !ok || !validTag(len(tag)) {
				n.env.Throw("TypeError", "ERR_CRYPTO_INVALID_AUTH_TAG", "Invalid authentication tag length: %d", len(tag))
			}
			g.given = slices.Clone(tag)
			return goja.Undefined()
		},
		"tag": func(goja.FunctionCall) goja.Value {
			if g, ok := work.(*gcm); ok && g.made != nil {
				return n.env.ArrayBuffer(slices.Clone(g.made))
			}
			return goja.Null()
		},
	}
	o := n.env.VM.NewObject()
	for name, f := range methods {
		_ = o.Set(name, f)
	}
	return o
}

// cipherFailure throws as OpenSSL words it.
func (n *native) cipherFailure(code string) {
	switch code {
	case "ERR_OSSL_BAD_DECRYPT":
		n.env.Throw("Error", code, "error:1C800064:Provider routines::bad decrypt")
	case "ERR_OSSL_WRONG_FINAL_BLOCK_LENGTH":
		n.env.Throw("Error", code, "error:1C80006B:Provider routines::wrong final block length")
	default:
		n.env.Throw("Error", "", "Unsupported state or unable to authenticate data")
	}
}

// ctr is a stream cipher.
type ctr struct{ s cipher.Stream }

func (c ctr) update(in []byte) []byte {
	out := make([]byte, len(in))
	c.s.XORKeyStream(out, in)
	return out
}

func (ctr) final() ([]byte, string) { return nil, "" }

// ecb is each block by itself.
type ecb struct {
	cipher.Block
	encrypt bool
}

// CryptBlocks is for cipher.BlockMode.
func (e ecb) CryptBlocks(dst, src []byte) {
	for size := e.BlockSize(); len(src) > 0; dst, src = dst[size:], src[size:] {
		if e.encrypt {
			e.Encrypt(dst, src)
		} else {
			e.Decrypt(dst, src)
		}
	}
}

// blocks is a cipher of whole blocks with PKCS #7 padding. Decrypting, it holds back a block, which may be the one with the padding.
type blocks struct {
	mode         cipher.BlockMode
	encrypt, pad bool
	rest         []byte
}

func (b *blocks) update(in []byte) []byte {
	size := b.mode.BlockSize()
	all := slices.Concat(b.rest, in)
	n := len(all) / size * size
	if !b.encrypt && b.pad && n == len(all) && n > 0 {
		n -= size
	}
	out := all[:n:n]
	b.rest = slices.Clone(all[n:])
	b.mode.CryptBlocks(out, out)
	return out
}

func (b *blocks) final() ([]byte, string) {
	size := b.mode.BlockSize()
	switch {
	case b.encrypt && b.pad:
		n := size - len(b.rest)
		for range n {
			b.rest = append(b.rest, byte(n))
		}
	case b.pad && len(b.rest) != size, !b.pad && len(b.rest) != 0:
		return nil, "ERR_OSSL_WRONG_FINAL_BLOCK_LENGTH"
	case !b.pad:
		return nil, ""
	}
	b.mode.CryptBlocks(b.rest, b.rest)
	if b.encrypt {
		return b.rest, ""
	}
	n := int(b.rest[size-1])
	if n == 0 || n > size {
		return nil, "ERR_OSSL_BAD_DECRYPT"
	}
	for _, c := range b.rest[size-n:] {
		if int(c) != n {
			return nil, "ERR_OSSL_BAD_DECRYPT"
		}
	}
	return b.rest[:size-n], ""
}

// gcm keeps the plaintext for the tag. With the usual nonce of 12 bytes it gives bytes as they come; with others at the end.
type gcm struct {
	block      cipher.Block
	nonce, aad []byte
	encrypt    bool
	tagSize    int
	keys       cipher.Stream // nil: the nonce is of another length
	plain      []byte
	late       []byte // input that waits for the end
	given      []byte // the tag to be checked
	made       []byte
}

const gcmTag = 16

func validTag(n int) bool { return n == 4 || n == 8 || n >= 12 && n <= gcmTag }

func newGCM(block cipher.Block, nonce []byte, encrypt bool, tagSize int) *gcm {
	g := &gcm{block: block, nonce: nonce, encrypt: encrypt, tagSize: tagSize}
	if !validTag(tagSize) {
		g.tagSize = gcmTag
	}
	if len(nonce) == 12 { // NIST SP 800-38D, 7.1: the counter of the first block is 2
		g.keys = cipher.NewCTR(block, append(slices.Clone(nonce), 0, 0, 0, 2))
	}
	return g
}

func (g *gcm) update(in []byte) []byte {
	if g.keys == nil {
		g.late = append(g.late, in...)
		return nil
	}
	out := make([]byte, len(in))
	g.keys.XORKeyStream(out, in)
	if g.encrypt {
		g.plain = append(g.plain, in...)
	} else {
		g.plain = append(g.plain, out...)
	}
	return out
}

func (g *gcm) final() ([]byte, string) {
	const failed = "unauthenticated"
	aead, err := cipher.NewGCMWithNonceSize(g.block, len(g.nonce))
	if err != nil {
		return nil, failed
	}
	late := g.keys == nil
	if late {
		g.plain = g.late
		if !g.encrypt { // the key stream is what zeros become
			g.plain = aead.Seal(nil, g.nonce, make([]byte, len(g.late)), nil)[:len(g.late)]
			subtle.XORBytes(g.plain, g.plain, g.late)
		}
	}
	sealed := aead.Seal(nil, g.nonce, g.plain, g.aad)
	body, tag := sealed[:len(g.plain)], sealed[len(g.plain):]
	switch {
	case g.encrypt:
		g.made = tag[:g.tagSize]
		if late {
			return body, ""
		}
	case len(g.given) == 0 || subtle.ConstantTimeCompare(tag[:len(g.given)], g.given) != 1:
		return nil, failed
	case late:
		return g.plain, ""
	}
	return nil, ""
}
