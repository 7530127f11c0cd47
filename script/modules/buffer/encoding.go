package buffer

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"unicode/utf8"

	"github.com/dop251/goja"
)

// Encode turns a text into bytes by one of Node's encodings, in their normal form: utf8, latin1, ascii, utf16le, hex,
// base64 or base64url. As in Node, what doesn't belong into an encoding ends it or is passed over; nothing fails.
func Encode(v goja.Value, encoding string) []byte {
	switch encoding {
	case "utf8":
		return []byte(v.String())
	case "latin1", "ascii":
		units := codeUnits(v)
		out := make([]byte, len(units))
		for i, c := range units {
			out[i] = byte(c)
		}
		return out
	case "utf16le":
		units := codeUnits(v)
		out := make([]byte, 0, 2*len(units))
		for _, c := range units {
			out = append(out, byte(c), byte(c>>8))
		}
		return out
	case "hex":
		return fromHex(v.String())
	default:
		return fromBase64(v.String())
	}
}

// codeUnits are the UTF-16 units of a text.
func codeUnits(v goja.Value) []uint16 {
	s, ok := v.ToString().(goja.String)
	if !ok {
		return nil
	}
	out := make([]uint16, s.Length())
	for i := range out {
		out[i] = s.CharAt(i)
	}
	return out
}

// fromHex reads pairs of digits up to the first that is none.
func fromHex(s string) []byte {
	out := make([]byte, 0, len(s)/2)
	for i := 0; i+1 < len(s); i += 2 {
		var b [1]byte
		if _, err := hex.Decode(b[:], []byte(s[i:i+2])); err != nil {
			break
		}
		out = append(out, b[0])
	}
	return out
}

// fromBase64 reads both alphabets, padded or not, and passes over foreign characters.
func fromBase64(s string) []byte {
	clean := make([]byte, 0, len(s))
scan:
	for i := range len(s) {
		switch c := s[i]; {
		case c == '-':
			clean = append(clean, '+')
		case c == '_':
			clean = append(clean, '/')
		case c == '=':
			break scan
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '+', c == '/':
			clean = append(clean, c)
		}
	}
	if len(clean)%4 == 1 { // six bits that make no byte
		clean = clean[:len(clean)-1]
	}
	out := make([]byte, base64.RawStdEncoding.DecodedLen(len(clean)))
	n, _ := base64.RawStdEncoding.Decode(out, clean) // nothing foreign is left that could fail
	return out[:n]
}

// Decode turns bytes into a text by one of the encodings of Encode.
func Decode(vm *goja.Runtime, b []byte, encoding string) goja.Value {
	switch encoding {
	case "utf8":
		return vm.ToValue(DecodeUTF8(b))
	case "latin1", "ascii":
		mask := byte(0xff)
		if encoding == "ascii" {
			mask = 0x7f
		}
		units := make([]uint16, len(b))
		for i, c := range b {
			units[i] = uint16(c & mask)
		}
		return goja.StringFromUTF16(units)
	case "utf16le":
		units := make([]uint16, len(b)/2)
		for i := range units {
			units[i] = uint16(b[2*i]) | uint16(b[2*i+1])<<8
		}
		return goja.StringFromUTF16(units)
	case "hex":
		return vm.ToValue(hex.EncodeToString(b))
	case "base64url":
		return vm.ToValue(base64.RawURLEncoding.EncodeToString(b))
	default:
		return vm.ToValue(base64.StdEncoding.EncodeToString(b))
	}
}

// DecodeUTF8 decodes as the Encoding Standard says: each longest beginning of a sequence that goes wrong becomes one
// U+FFFD.
func DecodeUTF8(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	var out strings.Builder
	out.Grow(len(b) + 16)
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n <= 1 {
			n = broken(b)
		}
		out.WriteRune(r)
		b = b[n:]
	}
	return out.String()
}

// broken is how many bytes at the start of b were good so far, at least one.
func broken(b []byte) int {
	low, high := byte(0x80), byte(0xbf)
	need := 0
	switch c := b[0]; {
	case c >= 0xc2 && c <= 0xdf:
		need = 1
	case c >= 0xe0 && c <= 0xef:
		need = 2
	case c >= 0xf0 && c <= 0xf4:
		need = 3
	}
	switch b[0] { // the second byte's range is narrower after these
	case 0xe0:
		low = 0xa0
	case 0xed:
		high = 0x9f
	case 0xf0:
		low = 0x90
	case 0xf4:
		high = 0x8f
	}
	n := 1
	for ; n <= need && n < len(b) && b[n] >= low && b[n] <= high; n++ {
		low, high = 0x80, 0xbf
	}
	return n
}

// TrimBOM takes a UTF-8 byte order mark off.
func TrimBOM(b []byte) []byte { return bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")) }
