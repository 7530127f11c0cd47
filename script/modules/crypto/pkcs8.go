package crypto

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des" //nolint:gosec // triple DES is what some APIs still demand
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509/pkix"
	"encoding/asn1"
	"hash"
	"slices"
)

// The structures of an encrypted private key: RFC 5958 around RFC 8018 (PBES2).
type (
	encryptedKey struct {
		Algorithm pkix.AlgorithmIdentifier
		Data      []byte
	}
	pbes2 struct {
		Derivation, Scheme pkix.AlgorithmIdentifier
	}
	pbkdf2Parameters struct {
		Salt       []byte
		Iterations int
		KeyLength  int                      `asn1:"optional"`
		PRF        pkix.AlgorithmIdentifier `asn1:"optional"`
	}
)

var (
	oidPBES2  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBKDF2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}
)

// pbes2Digests and pbes2Ciphers are by object identifier. Without one the digest is SHA-1.
var pbes2Digests = map[string]func() hash.Hash{
	"": sha1.New, "1.2.840.113549.2.7": sha1.New, "1.2.840.113549.2.9": sha256.New, "1.2.840.113549.2.11": sha512.New,
}

var pbes2Ciphers = map[string]suite{
	"2.16.840.1.101.3.4.1.2":  {16, 16, "cbc", aes.NewCipher},
	"2.16.840.1.101.3.4.1.22": {24, 16, "cbc", aes.NewCipher},
	"2.16.840.1.101.3.4.1.42": {32, 16, "cbc", aes.NewCipher},
	"1.2.840.113549.3.7":      {24, 8, "cbc", des.NewTripleDESCipher},
}

// openPKCS8 decrypts a private key; false: the passphrase is wrong, or the form isn't known.
func openPKCS8(der, passphrase []byte) ([]byte, bool) {
	var sealed encryptedKey
	var scheme pbes2
	var derivation pbkdf2Parameters
	var iv []byte
	if !unmarshal(der, &sealed) || !sealed.Algorithm.Algorithm.Equal(oidPBES2) || !unmarshal(sealed.Algorithm.Parameters.FullBytes, &scheme) ||
		!scheme.Derivation.Algorithm.Equal(oidPBKDF2) || !unmarshal(scheme.Derivation.Parameters.FullBytes, &derivation) ||
		!unmarshal(scheme.Scheme.Parameters.FullBytes, &iv) {
		return nil, false
	}
	s, known := pbes2Ciphers[scheme.Scheme.Algorithm.String()]
	digest, ok := pbes2Digests[derivation.PRF.Algorithm.String()]
	if !known || !ok || derivation.Iterations < 1 || derivation.Iterations > maxIterations || len(iv) != s.ivSize || len(sealed.Data) == 0 ||
		len(sealed.Data)%s.ivSize != 0 {
		return nil, false
	}
	secret, err := pbkdf2.Key(digest, string(passphrase), derivation.Salt, derivation.Iterations, s.keySize)
	if err != nil {
		return nil, false
	}
	block, err := s.block(secret)
	if err != nil {
		return nil, false
	}
	b := blocks{mode: cipher.NewCBCDecrypter(block, iv), pad: true}
	out := b.update(sealed.Data)
	last, code := b.final()
	return slices.Concat(out, last), code == ""
}

func unmarshal(der []byte, into any) bool {
	rest, err := asn1.Unmarshal(der, into)
	return err == nil && len(rest) == 0
}
