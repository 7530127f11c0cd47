package crypto

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"encoding/asn1"
	"hash"
	"math/big"

	"github.com/dop251/goja"
)

// Paddings of RSA, as OpenSSL numbers them.
const (
	paddingPKCS1 = 1
	paddingOAEP  = 4
	paddingPSS   = 6
)

// signing is how a signature is to be made: digest's name (not for Ed25519), key, data, padding (0: PKCS #1), salt length (-1: the
// digest's, -2: as long as can be), whether ECDSA gives its two numbers side by side instead of DER.
type signing struct {
	key      *key
	data     []byte
	padding  int64
	salt     int
	sideways bool
	digest   string
	n        *native
}

func (n *native) signing(c goja.FunctionCall) signing {
	return signing{
		n: n, digest: c.Argument(0).String(), key: n.keyOf(c.Argument(1)), data: n.env.MustBytes(c.Argument(2)),
		padding: c.Argument(3).ToInteger(), salt: int(c.Argument(4).ToInteger()), sideways: c.Argument(5).ToBoolean(),
	}
}

func (s signing) sum() (crypto.Hash, []byte) {
	a := s.n.algorithm(s.n.env.VM.ToValue(s.digest))
	h := a.make()
	h.Write(s.data)
	return a.id, h.Sum(nil)
}

func (s signing) pss(id crypto.Hash) *rsa.PSSOptions {
	o := &rsa.PSSOptions{SaltLength: s.salt, Hash: id}
	switch s.salt {
	case -1:
		o.SaltLength = rsa.PSSSaltLengthEqualsHash
	case -2:
		o.SaltLength = rsa.PSSSaltLengthAuto
	}
	return o
}

// sign takes what signing says. But for the salt of PSS the same data give the same signature, so that a run can be repeated.
func (n *native) sign(c goja.FunctionCall) goja.Value {
	s := n.signing(c)
	var signature []byte
	var err error
	switch secret := s.key.private.(type) {
	case ed25519.PrivateKey:
		signature = ed25519.Sign(secret, s.data)
	case *rsa.PrivateKey:
		id, sum := s.sum()
		if s.padding == paddingPSS {
			signature, err = rsa.SignPSS(rand.Reader, secret, id, sum, s.pss(id))
		} else {
			signature, err = rsa.SignPKCS1v15(nil, secret, id, sum)
		}
	case *ecdsa.PrivateKey:
		id, sum := s.sum()
		signature, err = secret.Sign(nil, sum, id) // without randomness as RFC 6979 says
		if err == nil && s.sideways {
			signature, err = besides(signature, secret.Params().BitSize)
		}
	default:
		n.unsupportedKey()
	}
	if err != nil {
		n.env.Throw("Error", "", "The data can't be signed with this key")
	}
	return n.env.ArrayBuffer(signature)
}

// verify takes the same, and the signature.
func (n *native) verify(c goja.FunctionCall) goja.Value {
	s, signature := n.signing(c), n.env.MustBytes(c.Argument(6))
	good := false
	switch public := s.key.public.(type) {
	case ed25519.PublicKey:
		good = ed25519.Verify(public, s.data, signature)
	case *rsa.PublicKey:
		id, sum := s.sum()
		if s.padding == paddingPSS {
			good = rsa.VerifyPSS(public, id, sum, signature, s.pss(id)) == nil
		} else {
			good = rsa.VerifyPKCS1v15(public, id, sum, signature) == nil
		}
	case *ecdsa.PublicKey:
		_, sum := s.sum()
		if s.sideways {
			signature = stacked(signature)
		}
		good = ecdsa.VerifyASN1(public, sum, signature)
	}
	return n.env.VM.ToValue(good)
}

type ecdsaSignature struct{ R, S *big.Int }

// besides turns a DER signature into its two numbers, each as long as the curve (IEEE P1363).
func besides(der []byte, bits int) ([]byte, error) {
	var s ecdsaSignature
	if _, err := asn1.Unmarshal(der, &s); err != nil {
		return nil, err
	}
	size := (bits + 7) / 8
	out := make([]byte, 2*size)
	s.R.FillBytes(out[:size])
	s.S.FillBytes(out[size:])
	return out, nil
}

func stacked(sideways []byte) []byte {
	half := len(sideways) / 2
	der, err := asn1.Marshal(ecdsaSignature{new(big.Int).SetBytes(sideways[:half]), new(big.Int).SetBytes(sideways[half:])})
	if err != nil {
		return nil
	}
	return der
}

// encryptRSA takes key, data, padding, and the digest of OAEP.
func (n *native) encryptRSA(c goja.FunctionCall) goja.Value {
	public, ok := n.keyOf(c.Argument(0)).public.(*rsa.PublicKey)
	if !ok {
		n.unsupportedKey()
	}
	var out []byte
	var err error
	if c.Argument(2).ToInteger() == paddingPKCS1 {
		out, err = rsa.EncryptPKCS1v15(rand.Reader, public, n.env.MustBytes(c.Argument(1))) //nolint:staticcheck // APIs of the field demand it
	} else {
		out, err = rsa.EncryptOAEP(n.oaep(c.Argument(3))(), rand.Reader, public, n.env.MustBytes(c.Argument(1)), nil)
	}
	if err != nil {
		n.env.Throw("Error", "ERR_OSSL_RSA_DATA_TOO_LARGE_FOR_KEY_SIZE", "error:0200006E:rsa routines::data too large for key size")
	}
	return n.env.ArrayBuffer(out)
}

// decryptRSA takes the same with a private key. Which step fails is not told.
func (n *native) decryptRSA(c goja.FunctionCall) goja.Value {
	secret, ok := n.keyOf(c.Argument(0)).private.(*rsa.PrivateKey)
	if !ok {
		n.unsupportedKey()
	}
	if c.Argument(2).ToInteger() == paddingPKCS1 {
		n.env.Throw("TypeError", "ERR_INVALID_ARG_VALUE", "RSA_PKCS1_PADDING is no longer supported for private decryption")
	}
	out, err := rsa.DecryptOAEP(n.oaep(c.Argument(3))(), nil, secret, n.env.MustBytes(c.Argument(1)), nil)
	if err != nil {
		n.env.Throw("Error", "ERR_OSSL_RSA_OAEP_DECODING_ERROR", "error:02000079:rsa routines::oaep decoding error")
	}
	return n.env.ArrayBuffer(out)
}

func (n *native) oaep(v goja.Value) func() hash.Hash {
	if goja.IsUndefined(v) || goja.IsNull(v) {
		return sha1.New
	}
	return n.algorithm(v).make
}
