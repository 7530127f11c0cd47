package crypto

import (
	"crypto/hkdf"
	"crypto/pbkdf2"

	"github.com/dop251/goja"
	"golang.org/x/crypto/scrypt"
)

// Bounds of a key derivation, which is one native call: seconds of CPU, and memory.
const (
	maxIterations = 10_000_000
	maxDerived    = 1 << 20
	maxScrypt     = 256 << 20
)

// pbkdf2 takes digest, password, salt, iterations, length.
func (n *native) pbkdf2(c goja.FunctionCall) goja.Value {
	a := n.algorithm(c.Argument(0))
	iterations, length := c.Argument(3).ToInteger(), c.Argument(4).ToInteger()
	if iterations < 1 || iterations > maxIterations || length < 0 || length > maxDerived {
		n.env.Throw("RangeError", "ERR_OUT_OF_RANGE", "The number of iterations or the key length is out of range")
	}
	key, err := pbkdf2.Key(a.make, string(n.env.MustBytes(c.Argument(1))), n.env.MustBytes(c.Argument(2)), int(iterations), int(length))
	if err != nil {
		n.env.Throw("Error", "", "%v", err)
	}
	return n.env.ArrayBuffer(key)
}

// scrypt takes password, salt, length, N, r, p, and the most memory that it may use.
func (n *native) scrypt(c goja.FunctionCall) goja.Value {
	const code = "ERR_CRYPTO_INVALID_SCRYPT_PARAMS"
	length, cost, r, p, most := c.Argument(2).ToInteger(), c.Argument(3).ToInteger(), c.Argument(4).ToInteger(), c.Argument(5).ToInteger(), c.Argument(6).ToInteger()
	if length < 0 || length > maxDerived || cost < 2 || cost > 1<<24 || r < 1 || r > 1<<16 || p < 1 || p > 1<<10 {
		n.env.Throw("RangeError", code, "Invalid scrypt params")
	}
	if 128*r*(cost+p+2) > min(most, maxScrypt) {
		n.env.Throw("RangeError", code, "Invalid scrypt params: error:030000AC:digital envelope routines::memory limit exceeded")
	}
	key, err := scrypt.Key(n.env.MustBytes(c.Argument(0)), n.env.MustBytes(c.Argument(1)), int(cost), int(r), int(p), int(length))
	if err != nil {
		n.env.Throw("RangeError", code, "Invalid scrypt params")
	}
	return n.env.ArrayBuffer(key)
}

// hkdf takes digest, key, salt, info, length.
func (n *native) hkdf(c goja.FunctionCall) goja.Value {
	a, length := n.algorithm(c.Argument(0)), c.Argument(4).ToInteger()
	if length < 0 || length > maxDerived {
		n.env.Throw("RangeError", "ERR_OUT_OF_RANGE", "The key length is out of range")
	}
	key, err := hkdf.Key(a.make, n.env.MustBytes(c.Argument(1)), n.env.MustBytes(c.Argument(2)), string(n.env.MustBytes(c.Argument(3))), int(length))
	if err != nil {
		n.env.Throw("RangeError", "ERR_CRYPTO_INVALID_KEYLEN", "Invalid key length")
	}
	return n.env.ArrayBuffer(key)
}
