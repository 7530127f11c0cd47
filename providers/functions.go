package providers

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // the recipe of some vendors' signatures
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"strings"
)

// function computes from its rendered argument; false: it can't, and the call is left as it is written.
type function func(argument string, s *Scope) (string, bool)

var functions = map[string]function{
	"base64": func(a string, _ *Scope) (string, bool) { return base64.StdEncoding.EncodeToString([]byte(a)), true },
	"sha256Hex": func(a string, _ *Scope) (string, bool) {
		h := sha256.Sum256([]byte(a))
		return hex.EncodeToString(h[:]), true
	},
	"sha256Base64": sha256Base64,
	"hmacSha1Hex":  hmacSHA1Hex,
	"ed25519Sign":  ed25519Sign,
	"fingerprint":  fingerprint,
	"awsSigV4":     awsSigV4,
}

// strict functions make no sense with an argument that holds unresolved placeholders.
var strict = map[string]bool{"ed25519Sign": true, "fingerprint": true, "awsSigV4": true}

func (c *call) render(b *strings.Builder, s *Scope, plain bool) bool {
	var argument strings.Builder
	resolved := true
	for _, n := range c.args {
		if !n.render(&argument, s, plain) {
			resolved = false
		}
	}
	missing := !resolved && anyMissing(c.args, s, plain)
	if missing && strict[c.name] {
		b.WriteString(c.raw)
		return false
	}
	text, ok := functions[c.name](argument.String(), s)
	if !ok {
		b.WriteString(c.raw)
		return false
	}
	b.WriteString(text)
	return !missing // an empty value inside is fine: many APIs want "key:" with an empty half
}

func sha256Base64(a string, _ *Scope) (string, bool) {
	h := sha256.Sum256([]byte(a))
	return base64.StdEncoding.EncodeToString(h[:]), true
}

// lastComma splits "message, key": the message is taken as it is, the key is trimmed.
func lastComma(a string) (message, key string, ok bool) {
	at := strings.LastIndexByte(a, ',')
	if at < 0 {
		return "", "", false
	}
	return a[:at], strings.TrimSpace(a[at+1:]), true
}

func hmacSHA1Hex(a string, _ *Scope) (string, bool) {
	message, key, ok := lastComma(a)
	if !ok {
		return "", false
	}
	mac := hmac.New(sha1.New, []byte(key))
	mac.Write([]byte(message))
	return hex.EncodeToString(mac.Sum(nil)), true
}

func ed25519Sign(a string, _ *Scope) (string, bool) {
	message, text, ok := lastComma(a)
	if !ok {
		return "", false
	}
	block, _ := pem.Decode([]byte(normalisePEM(text)))
	if block == nil {
		return "", false
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return "", false
	}
	key, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return "", false
	}
	return base64.StdEncoding.EncodeToString(ed25519.Sign(key, []byte(message))), true
}

// fingerprint is "SHA256:" and the digest of the public key's SubjectPublicKeyInfo; a private key's public half counts.
func fingerprint(a string, _ *Scope) (string, bool) {
	block, _ := pem.Decode([]byte(normalisePEM(a)))
	if block == nil {
		return "", false
	}
	der := block.Bytes
	if key, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		der = publicDER(key)
	} else if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		der = publicDER(key)
	}
	if _, err := x509.ParsePKIXPublicKey(der); err != nil {
		return "", false
	}
	sum := sha256.Sum256(der)
	return "SHA256:" + base64.StdEncoding.EncodeToString(sum[:]), true
}

func publicDER(private any) []byte {
	signer, ok := private.(interface{ Public() any })
	if ok {
		if der, err := x509.MarshalPKIXPublicKey(signer.Public()); err == nil {
			return der
		}
	}
	if key, ok := private.(ed25519.PrivateKey); ok {
		if der, err := x509.MarshalPKIXPublicKey(key.Public()); err == nil {
			return der
		}
	}
	return nil
}

// normalisePEM repairs what pasting does to keys: escaped line ends, and line ends turned into blanks.
func normalisePEM(text string) string {
	text = strings.TrimSpace(strings.ReplaceAll(strings.ReplaceAll(text, `\n`, "\n"), "\r", ""))
	if strings.Contains(text, "\n") || !strings.HasPrefix(text, "-----BEGIN ") {
		return text
	}
	head, rest, ok := strings.Cut(text[len("-----BEGIN "):], "-----")
	if !ok {
		return text
	}
	body, _, ok := strings.Cut(rest, "-----END ")
	if !ok {
		return text
	}
	return "-----BEGIN " + head + "-----\n" + strings.Join(strings.Fields(body), "\n") + "\n-----END " + head + "-----\n"
}
