package crypto

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"

	"github.com/dop251/goja"
)

// sign takes a digest's name (null for Ed25519), a private key as PEM, and the data. RSA signs by PKCS #1 v1.5, ECDSA gives
// DER; neither draws on randomness that differs between two runs of the same seed in a way that scripts rely on.
func (n *native) sign(c goja.FunctionCall) goja.Value {
	block, _ := pem.Decode([]byte(c.Argument(1).String()))
	if block == nil {
		n.env.Throw("Error", "ERR_OSSL_UNSUPPORTED", "The private key is no PEM")
	}
	data := n.env.MustBytes(c.Argument(2))
	key := privateKey(block.Bytes)
	var signature []byte
	var err error
	switch key := key.(type) {
	case ed25519.PrivateKey:
		signature = ed25519.Sign(key, data)
	case crypto.Signer:
		a := n.algorithm(c.Argument(0))
		h := a.make()
		h.Write(data)
		signature, err = key.Sign(n.env.Rand, h.Sum(nil), a.id)
	default:
		n.env.Throw("Error", "ERR_OSSL_UNSUPPORTED", "This kind of private key is not supported")
	}
	if err != nil {
		n.env.Throw("Error", "", "The data can't be signed with this key")
	}
	return n.env.ArrayBuffer(signature)
}

// verify takes the same with a public key, a certificate or a private key, and the signature.
func (n *native) verify(c goja.FunctionCall) goja.Value {
	block, _ := pem.Decode([]byte(c.Argument(1).String()))
	if block == nil {
		n.env.Throw("Error", "ERR_OSSL_UNSUPPORTED", "The public key is no PEM")
	}
	data, signature := n.env.MustBytes(c.Argument(2)), n.env.MustBytes(c.Argument(3))
	digest := func() (crypto.Hash, []byte) {
		a := n.algorithm(c.Argument(0))
		h := a.make()
		h.Write(data)
		return a.id, h.Sum(nil)
	}
	good := false
	switch key := publicKey(block.Bytes).(type) {
	case ed25519.PublicKey:
		good = ed25519.Verify(key, data, signature)
	case *rsa.PublicKey:
		id, sum := digest()
		good = rsa.VerifyPKCS1v15(key, id, sum, signature) == nil
	case *ecdsa.PublicKey:
		_, sum := digest()
		good = ecdsa.VerifyASN1(key, sum, signature)
	default:
		n.env.Throw("Error", "ERR_OSSL_UNSUPPORTED", "This kind of public key is not supported")
	}
	return n.env.VM.ToValue(good)
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
	if key, ok := privateKey(der).(crypto.Signer); ok {
		return key.Public()
	}
	return nil
}
