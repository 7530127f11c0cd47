package crypto

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"math/big"

	"github.com/dop251/goja"
)

// key is an asymmetric key of a script. JavaScript holds it and can't look into it.
type key struct {
	private crypto.Signer // nil: the public half is all there is
	public  crypto.PublicKey
}

// parseKey takes material (a PEM text or DER bytes), whether it has to be private, and a passphrase or undefined.
func (n *native) parseKey(c goja.FunctionCall) goja.Value {
	der, isBytes := n.env.Bytes(c.Argument(0))
	private := c.Argument(1).ToBoolean()
	label := ""
	if !isBytes {
		block, _ := pem.Decode([]byte(c.Argument(0).String()))
		if block == nil {
			n.unsupportedKey()
			return nil
		}
		der, label = block.Bytes, block.Type
	}
	if label == "ENCRYPTED PRIVATE KEY" {
		if goja.IsUndefined(c.Argument(2)) || goja.IsNull(c.Argument(2)) {
			n.env.Throw("TypeError", "ERR_MISSING_PASSPHRASE", "Passphrase required for encrypted key")
		}
		opened, ok := openPKCS8(der, []byte(c.Argument(2).String()))
		if !ok {
			n.cipherFailure("ERR_OSSL_BAD_DECRYPT")
		}
		der = opened
	}
	k := &key{}
	if signer, ok := privateKey(der).(crypto.Signer); ok {
		k.private, k.public = signer, signer.Public()
	} else if !private {
		k.public = publicKey(der)
	}
	return n.keyValue(k)
}

// keyValue refuses what is no key of a kind that can be used.
func (n *native) keyValue(k *key) goja.Value {
	if k.kind() == "" {
		n.unsupportedKey()
	}
	return n.env.VM.ToValue(k)
}

func (n *native) unsupportedKey() {
	n.env.Throw("Error", "ERR_OSSL_UNSUPPORTED", "error:1E08010C:DECODER routines::unsupported")
}

func (k *key) kind() string {
	switch k.public.(type) {
	case *rsa.PublicKey:
		return "rsa"
	case *ecdsa.PublicKey:
		return "ec"
	case ed25519.PublicKey:
		return "ed25519"
	}
	return ""
}

// keyOf is the key that a call got as an argument.
func (n *native) keyOf(v goja.Value) *key {
	if k, ok := v.Export().(*key); ok {
		return k
	}
	n.unsupportedKey()
	return nil
}

// describeKey returns {private, type, bits}.
func (n *native) describeKey(c goja.FunctionCall) goja.Value {
	k := n.keyOf(c.Argument(0))
	o := n.env.VM.NewObject()
	_ = o.Set("private", k.private != nil)
	_ = o.Set("type", k.kind())
	if r, ok := k.public.(*rsa.PublicKey); ok {
		_ = o.Set("bits", r.N.BitLen())
	}
	return o
}

// publicHalf is a key without its secret.
func (n *native) publicHalf(c goja.FunctionCall) goja.Value {
	return n.keyValue(&key{public: n.keyOf(c.Argument(0)).public})
}

// exportKey takes a key and spki, pkcs8, pkcs1 or sec1; it returns {der, label}.
func (n *native) exportKey(c goja.FunctionCall) goja.Value {
	k, format := n.keyOf(c.Argument(0)), c.Argument(1).String()
	var der []byte
	var err error
	label := ""
	switch secret := k.private.(type) {
	case *rsa.PrivateKey:
		if format == "pkcs1" {
			der, label = x509.MarshalPKCS1PrivateKey(secret), "RSA PRIVATE KEY"
		}
	case *ecdsa.PrivateKey:
		if format == "sec1" {
			der, err = x509.MarshalECPrivateKey(secret)
			label = "EC PRIVATE KEY"
		}
	}
	switch public, isRSA := k.public.(*rsa.PublicKey); {
	case format == "pkcs8" && k.private != nil:
		der, err = x509.MarshalPKCS8PrivateKey(k.private)
		label = "PRIVATE KEY"
	case format == "spki" && k.private == nil:
		der, err = x509.MarshalPKIXPublicKey(k.public)
		label = "PUBLIC KEY"
	case format == "pkcs1" && k.private == nil && isRSA:
		der, label = x509.MarshalPKCS1PublicKey(public), "RSA PUBLIC KEY"
	}
	if err != nil || label == "" {
		n.env.Throw("Error", "ERR_CRYPTO_INCOMPATIBLE_KEY_OPTIONS", "The selected key encoding %s is incompatible with the key", format)
	}
	o := n.env.VM.NewObject()
	_ = o.Set("der", n.env.ArrayBuffer(der))
	_ = o.Set("pem", string(pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der})))
	return o
}

func privateKey(der []byte) any {
	if key, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		return key
	}
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key
	}
	if key, err := x509.ParseECPrivateKey(der); err == nil {
		return key
	}
	return nil
}

func publicKey(der []byte) any {
	if key, err := x509.ParsePKIXPublicKey(der); err == nil {
		return key
	}
	if key, err := x509.ParsePKCS1PublicKey(der); err == nil {
		return key
	}
	if certificate, err := x509.ParseCertificate(der); err == nil {
		return certificate.PublicKey
	}
	return nil
}

var curves = map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}

// publicJWK takes the public members of a key of RFC 7517.
func (n *native) publicJWK(c goja.FunctionCall) goja.Value {
	o := c.Argument(0).ToObject(n.env.VM)
	field := func(name string) []byte {
		b, err := base64.RawURLEncoding.DecodeString(n.text(o, name))
		if err != nil || len(b) == 0 {
			n.env.Throw("TypeError", "ERR_CRYPTO_INVALID_JWK", "Invalid JWK data")
		}
		return b
	}
	k := &key{}
	switch n.text(o, "kty") {
	case "RSA":
		e := new(big.Int).SetBytes(field("e"))
		if !e.IsInt64() || e.Int64() > 1<<31-1 {
			n.env.Throw("TypeError", "ERR_CRYPTO_INVALID_JWK", "Invalid JWK data")
		}
		k.public = &rsa.PublicKey{N: new(big.Int).SetBytes(field("n")), E: int(e.Int64())}
	case "EC":
		curve, ok := curves[n.text(o, "crv")]
		if !ok {
			n.unsupportedKey()
		}
		public, err := ecdsa.ParseUncompressedPublicKey(curve, append(append([]byte{4}, field("x")...), field("y")...))
		if err != nil {
			n.env.Throw("TypeError", "ERR_CRYPTO_INVALID_JWK", "Invalid JWK EC key")
		}
		k.public = public
	case "OKP":
		x := field("x")
		if n.text(o, "crv") != "Ed25519" || len(x) != ed25519.PublicKeySize {
			n.unsupportedKey()
		}
		k.public = ed25519.PublicKey(x)
	}
	return n.keyValue(k)
}

func (n *native) text(o *goja.Object, name string) string {
	if v := o.Get(name); v != nil && !goja.IsUndefined(v) && !goja.IsNull(v) {
		return v.String()
	}
	return ""
}
