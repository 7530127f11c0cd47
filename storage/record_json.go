package storage

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	causeway "github.com/causeway-dev/causeway"
)

// Records are JSON texts as JSON.stringify writes them: no white space, one way to write each number and text, no repeated
// key. They are read as spans; nothing is decoded, so numbers keep their digits.

const (
	maxJSONDepth = 512
	maxRecordID  = 255 // characters, not bytes
	metadataKey  = `"_nango_metadata"`
)

var errRecordJSON = errors.New("the record is not JSON as JSON.stringify writes it")

// canonicalJSON appends src with the members of every object sorted by the encoded bytes of their keys, and checks on the
// way that src is JSON.
func canonicalJSON(dst, src []byte) ([]byte, error) {
	c := canonicalizer{src: src, dst: dst}
	if err := c.value(0); err != nil {
		return dst, err
	}
	if c.at != len(src) {
		return dst, errRecordJSON
	}
	return c.dst, nil
}

type canonicalizer struct {
	src []byte
	at  int
	dst []byte
	tmp []byte
}

func (c *canonicalizer) peek() byte {
	if c.at < len(c.src) {
		return c.src[c.at]
	}
	return 0
}

func (c *canonicalizer) value(depth int) error {
	if depth > maxJSONDepth {
		return errRecordJSON
	}
	switch c.peek() {
	case '{':
		return c.object(depth)
	case '[':
		return c.array(depth)
	}
	end, err := scalarEnd(c.src, c.at)
	if err != nil {
		return err
	}
	c.dst = append(c.dst, c.src[c.at:end]...)
	c.at = end
	return nil
}

// member is a member of an object in dst: its key and the colon end at value, the whole ends at end.
type member struct{ start, value, end int }

func (c *canonicalizer) object(depth int) error {
	var few [32]member
	members, sorted := few[:0], true
	c.at++
	c.dst = append(c.dst, '{')
	start := len(c.dst)
	for first := true; c.peek() != '}'; first = false {
		if !first {
			if c.peek() != ',' {
				return errRecordJSON
			}
			c.at++
			c.dst = append(c.dst, ',')
		}
		m := member{start: len(c.dst)}
		end, err := textEnd(c.src, c.at)
		if err != nil || end >= len(c.src) || c.src[end] != ':' {
			return errRecordJSON
		}
		c.dst = append(c.dst, c.src[c.at:end+1]...)
		c.at, m.value = end+1, len(c.dst)
		if err := c.value(depth + 1); err != nil {
			return err
		}
		m.end = len(c.dst)
		if n := len(members); n > 0 {
			switch bytes.Compare(c.key(members[n-1]), c.key(m)) {
			case 0:
				return errRecordJSON
			case 1:
				sorted = false
			}
		}
		members = append(members, m)
	}
	c.at++
	if !sorted && !c.sort(start, members) {
		return errRecordJSON
	}
	c.dst = append(c.dst, '}')
	return nil
}

func (c *canonicalizer) key(m member) []byte { return c.dst[m.start : m.value-1] }

// sort puts members in order; false: a key comes twice.
func (c *canonicalizer) sort(start int, members []member) bool {
	slices.SortFunc(members, func(a, b member) int { return bytes.Compare(c.key(a), c.key(b)) })
	for i := 1; i < len(members); i++ {
		if bytes.Equal(c.key(members[i-1]), c.key(members[i])) {
			return false
		}
	}
	c.tmp = append(c.tmp[:0], c.dst[start:]...)
	c.dst = c.dst[:start]
	for i, m := range members {
		if i > 0 {
			c.dst = append(c.dst, ',')
		}
		c.dst = append(c.dst, c.tmp[m.start-start:m.end-start]...)
	}
	return true
}

func (c *canonicalizer) array(depth int) error {
	c.at++
	c.dst = append(c.dst, '[')
	for first := true; c.peek() != ']'; first = false {
		if !first {
			if c.peek() != ',' {
				return errRecordJSON
			}
			c.at++
			c.dst = append(c.dst, ',')
		}
		if err := c.value(depth + 1); err != nil {
			return err
		}
	}
	c.at++
	c.dst = append(c.dst, ']')
	return nil
}

// scalarEnd is where the text, number or literal at i ends.
func scalarEnd(s []byte, i int) (int, error) {
	if i >= len(s) {
		return i, errRecordJSON
	}
	switch s[i] {
	case '"':
		return textEnd(s, i)
	case 't':
		return literalEnd(s, i, "true")
	case 'f':
		return literalEnd(s, i, "false")
	case 'n':
		return literalEnd(s, i, "null")
	default:
		return numberEnd(s, i)
	}
}

func literalEnd(s []byte, i int, literal string) (int, error) {
	if !bytes.HasPrefix(s[i:], []byte(literal)) {
		return i, errRecordJSON
	}
	return i + len(literal), nil
}

func textEnd(s []byte, i int) (int, error) {
	if i >= len(s) || s[i] != '"' {
		return i, errRecordJSON
	}
	for i++; i < len(s); i++ {
		switch b := s[i]; {
		case b == '"':
			return i + 1, nil
		case b < 0x20:
			return i, errRecordJSON
		case b == '\\':
			i++
			switch {
			case i >= len(s):
				return i, errRecordJSON
			case s[i] == 'u':
				if i+4 >= len(s) || !hex4(s[i+1:i+5]) {
					return i, errRecordJSON
				}
				i += 4
			case strings.IndexByte(`"\/bfnrt`, s[i]) < 0:
				return i, errRecordJSON
			}
		}
	}
	return i, errRecordJSON
}

func hex4(s []byte) bool {
	for _, b := range s {
		if (b < '0' || b > '9') && (b < 'a' || b > 'f') && (b < 'A' || b > 'F') {
			return false
		}
	}
	return true
}

// numberEnd follows the grammar of JSON: -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?
func numberEnd(s []byte, i int) (int, error) {
	if i < len(s) && s[i] == '-' {
		i++
	}
	start := i
	i = digitsEnd(s, i)
	if i == start || s[start] == '0' && i > start+1 {
		return i, errRecordJSON
	}
	if i < len(s) && s[i] == '.' {
		start = i + 1
		if i = digitsEnd(s, start); i == start {
			return i, errRecordJSON
		}
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		start = i
		if i = digitsEnd(s, start); i == start {
			return i, errRecordJSON
		}
	}
	return i, nil
}

func digitsEnd(s []byte, i int) int {
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	return i
}

// skipValue is where the value at i ends. Of a nested one only the brackets and texts are looked at.
func skipValue(s []byte, i int) (int, error) {
	if i >= len(s) {
		return i, errRecordJSON
	}
	if s[i] != '{' && s[i] != '[' {
		return scalarEnd(s, i)
	}
	for depth := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			end, err := textEnd(s, i)
			if err != nil {
				return i, err
			}
			i = end - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1, nil
			}
		}
	}
	return i, errRecordJSON
}

// field is a member of an object, as spans of its text.
type field struct{ key, value []byte }

// fields lists the members of the object that s is.
func fields(s []byte, into []field) ([]field, error) {
	if len(s) < 2 || s[0] != '{' {
		return nil, errRecordJSON
	}
	i := 1
	for first := true; i < len(s) && s[i] != '}'; first = false {
		if !first {
			if s[i] != ',' {
				return nil, errRecordJSON
			}
			i++
		}
		end, err := textEnd(s, i)
		if err != nil || end >= len(s) || s[end] != ':' {
			return nil, errRecordJSON
		}
		f := field{key: s[i:end]}
		i = end + 1
		if end, err = skipValue(s, i); err != nil {
			return nil, err
		}
		f.value, i = s[i:end], end
		into = append(into, f)
	}
	if i != len(s)-1 || s[i] != '}' {
		return nil, errRecordJSON
	}
	return into, nil
}

// mergeJSON appends base with patch merged into it: objects recursively, everything else is replaced.
func mergeJSON(dst, base, patch []byte, depth int) ([]byte, error) {
	if depth > maxJSONDepth {
		return dst, errRecordJSON
	}
	old, err := fields(base, nil)
	if err != nil {
		return dst, err
	}
	changes, err := fields(patch, nil)
	if err != nil {
		return dst, err
	}
	byKey := make(map[string]int, len(changes))
	for i, f := range changes {
		byKey[string(f.key)] = i
	}
	dst = append(dst, '{')
	put := func(key []byte) {
		if dst[len(dst)-1] != '{' {
			dst = append(dst, ',')
		}
		dst = append(append(dst, key...), ':')
	}
	for _, f := range old {
		put(f.key)
		i, changed := byKey[string(f.key)]
		switch {
		case !changed:
			dst = append(dst, f.value...)
			continue
		case f.value[0] == '{' && changes[i].value[0] == '{':
			if dst, err = mergeJSON(dst, f.value, changes[i].value, depth+1); err != nil {
				return dst, err
			}
		default:
			dst = append(dst, changes[i].value...)
		}
		delete(byKey, string(f.key))
	}
	for _, f := range changes {
		if _, left := byKey[string(f.key)]; left {
			put(f.key)
			dst = append(dst, f.value...)
		}
	}
	return append(dst, '}'), nil
}

// ParseRecord reads a record as a script gave it: the id, a text or a number, becomes a text without NUL characters, also in
// the JSON, and the platform's own member is taken out. deletedAt is read where it is a time. Errors begin with what is wrong
// and hold the value, but no index.
func ParseRecord(line []byte) (causeway.RecordInput, error) {
	var (
		few [48]field
		in  causeway.RecordInput
		id  []byte
	)
	members, err := fields(line, few[:0])
	if err != nil {
		return in, err
	}
	for _, f := range members {
		switch string(f.key) {
		case `"id"`:
			id = f.value
		case `"deletedAt"`:
			if in.DeletedAt, err = deletedAt(f.value); err != nil {
				return in, err
			}
		}
	}
	if in.ID, err = recordID(id); err != nil {
		return in, err
	}
	text, err := json.Marshal(in.ID)
	if err != nil {
		return in, err
	}
	out := make([]byte, 0, len(line)+len(text))
	out = append(out, '{')
	for _, f := range members {
		if string(f.key) == metadataKey {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(out, f.key...), ':')
		switch {
		case string(f.key) != `"id"`:
			out = append(out, f.value...)
		case id[0] == '"' && len(id) == len(in.ID)+2:
			out = append(out, id...) // nothing in it is escaped
		default:
			out = append(out, text...)
		}
	}
	out = append(out, '}')
	in.JSON = out
	return in, nil
}

func recordID(raw []byte) (string, error) {
	if raw == nil {
		return "", errors.New("the required field 'id' is missing")
	}
	var id string
	switch c := raw[0]; {
	case c == '"':
		if err := json.Unmarshal(raw, &id); err != nil {
			return "", errRecordJSON
		}
		id = strings.ReplaceAll(id, "\x00", "")
	case c == '-' || c >= '0' && c <= '9':
		if id = string(raw); id == "-0" {
			id = "0"
		}
	default:
		return "", fmt.Errorf("the id %.100s is neither a text nor a number", raw)
	}
	switch n := utf8.RuneCountInString(id); {
	case n == 0:
		return "", fmt.Errorf("the id %.100s is empty", raw)
	case n > maxRecordID:
		return "", fmt.Errorf("the id %.100s… has %d characters, at most %d are allowed", raw, n, maxRecordID)
	}
	return id, nil
}

// deletedAt reads a time as JavaScript writes one; null is none.
func deletedAt(raw []byte) (*time.Time, error) {
	if string(raw) == "null" {
		return nil, nil //nolint:nilnil // there is none
	}
	var at time.Time
	if err := json.Unmarshal(raw, &at); err == nil {
		return &at, nil
	}
	var day string
	if json.Unmarshal(raw, &day) == nil {
		if at, err := time.Parse(time.DateOnly, day); err == nil {
			return &at, nil
		}
	}
	return nil, fmt.Errorf("deletedAt %.100s is no time", raw)
}
