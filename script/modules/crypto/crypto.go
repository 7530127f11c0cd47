// Package crypto is the module "crypto" and the global crypto: hashes, HMACs, key derivation, signatures and random values
// over Go's implementations. Randomness is the run's own stream, so that a run can be repeated exactly.
//
// Start reading with crypto.js; what is native stands here and in sign.go.
package crypto

import (
	"crypto"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"crypto/subtle"
	_ "embed"
	"hash"
	"io"
	"strings"

	"github.com/dop251/goja"

	"github.com/causeway-dev/causeway/script/modules"
)

// The module's parts. Each is a function (natives, part) that adds to part what the others need of it; crypto.js is the exports.
var (
	//go:embed base.js
	base string
	//go:embed key.js
	keys string
	//go:embed cipher.js
	ciphers string
	//go:embed subtle.js
	subtleParts string
	//go:embed crypto.js
	exports string
)

// Module is the module "crypto".
func Module() modules.Module {
	source := "(function (natives, require, global) {\nconst part = { require, global };\n"
	for _, text := range []string{base, keys, ciphers, subtleParts} {
		source += text + "(natives, part);\n"
	}
	return modules.Module{Name: "crypto", Source: source + "const made =\n" + exports + "(natives, part);\nreturn made;\n})", Natives: natives}
}

type algorithm struct {
	make func() hash.Hash
	id   crypto.Hash
}

// algorithmOf knows what scripts of the field use; SHA-1 and MD5 are theirs to choose, since APIs demand them.
func algorithmOf(name string) (algorithm, bool) {
	name = strings.NewReplacer("-", "", "/", "").Replace(strings.ToLower(name))
	name = strings.TrimPrefix(name, "rsa")
	switch name {
	case "md5":
		return algorithm{md5.New, crypto.MD5}, true
	case "sha1":
		return algorithm{sha1.New, crypto.SHA1}, true
	case "sha224":
		return algorithm{sha256.New224, crypto.SHA224}, true
	case "sha256":
		return algorithm{sha256.New, crypto.SHA256}, true
	case "sha384":
		return algorithm{sha512.New384, crypto.SHA384}, true
	case "sha512":
		return algorithm{sha512.New, crypto.SHA512}, true
	case "sha512256":
		return algorithm{sha512.New512_256, crypto.SHA512_256}, true
	case "sha3256":
		return algorithm{func() hash.Hash { return sha3.New256() }, crypto.SHA3_256}, true
	case "sha3512":
		return algorithm{func() hash.Hash { return sha3.New512() }, crypto.SHA3_512}, true
	}
	return algorithm{}, false
}

func natives(env *modules.Env) map[string]modules.Native {
	n := &native{env}
	return map[string]modules.Native{
		"hasHash": func(c goja.FunctionCall) goja.Value {
			_, ok := algorithmOf(c.Argument(0).String())
			return env.VM.ToValue(ok)
		},
		"hash":        n.hash,
		"hmac":        n.hmac,
		"pbkdf2":      n.pbkdf2,
		"scrypt":      n.scrypt,
		"hkdf":        n.hkdf,
		"parseKey":    n.parseKey,
		"publicJWK":   n.publicJWK,
		"publicHalf":  n.publicHalf,
		"describeKey": n.describeKey,
		"exportKey":   n.exportKey,
		"sign":        n.sign,
		"verify":      n.verify,
		"encryptRSA":  n.encryptRSA,
		"decryptRSA":  n.decryptRSA,
		"cipher":      n.newCipher,
		"hasCipher": func(c goja.FunctionCall) goja.Value {
			_, ok := suiteOf(c.Argument(0).String())
			return env.VM.ToValue(ok)
		},
		"random":     n.random,
		"equalBytes": n.equal,
	}
}

type native struct{ env *modules.Env }

func (n *native) algorithm(v goja.Value) algorithm {
	a, ok := algorithmOf(v.String())
	if !ok {
		n.env.Throw("Error", "ERR_CRYPTO_INVALID_DIGEST", "Digest method not supported")
	}
	return a
}

func (n *native) hash(c goja.FunctionCall) goja.Value {
	h := n.algorithm(c.Argument(0)).make()
	h.Write(n.env.MustBytes(c.Argument(1)))
	return n.env.ArrayBuffer(h.Sum(nil))
}

func (n *native) hmac(c goja.FunctionCall) goja.Value {
	h := hmac.New(n.algorithm(c.Argument(0)).make, n.env.MustBytes(c.Argument(1)))
	h.Write(n.env.MustBytes(c.Argument(2)))
	return n.env.ArrayBuffer(h.Sum(nil))
}

func (n *native) random(c goja.FunctionCall) goja.Value {
	size := c.Argument(0).ToInteger()
	if size < 0 || size > modules.MaxBytes {
		n.env.Throw("RangeError", "ERR_OUT_OF_RANGE", "The value of \"size\" is out of range. Received %d", size)
	}
	b := make([]byte, size)
	if _, err := io.ReadFull(n.env.Rand, b); err != nil {
		n.env.Throw("Error", "", "no randomness")
	}
	return n.env.ArrayBuffer(b)
}

func (n *native) equal(c goja.FunctionCall) goja.Value {
	a, b := n.env.MustBytes(c.Argument(0)), n.env.MustBytes(c.Argument(1))
	if len(a) != len(b) {
		n.env.Throw("RangeError", "ERR_CRYPTO_TIMING_SAFE_EQUAL_LENGTH", "Input buffers must have the same byte length")
	}
	return n.env.VM.ToValue(subtle.ConstantTimeCompare(a, b) == 1)
}
