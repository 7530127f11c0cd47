package api

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

const badTextMessage = "Invalid string: must not contain NUL or half of a surrogate pair"

// checkTexts reports the texts of a JSON document that can't be stored: those with NUL, which Postgres refuses, and those with half a
// surrogate pair, which the decoder would replace without a word. raw has to be valid JSON.
func checkTexts(raw []byte, found *issues) {
	if !utf8.Valid(raw) {
		found.add("invalid_format", "Invalid string: the body is not UTF-8")
		return
	}
	if bytes.Contains(raw, []byte(`\u`)) {
		(&textScan{raw: raw, found: found}).value()
	}
}

// storable says whether a text that came outside of JSON can be stored.
func storable(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// textScan walks through a document and knows where it is.
type textScan struct {
	raw   []byte
	pos   int
	path  []string
	found *issues
}

func (s *textScan) peek() byte {
	for s.raw[s.pos] <= ' ' {
		s.pos++
	}
	return s.raw[s.pos]
}

func (s *textScan) value() {
	switch s.peek() {
	case '{':
		s.members('}', func(int) string {
			begin := s.pos
			s.text()
			var key string
			_ = json.Unmarshal(s.raw[begin:s.pos], &key) // the document is valid
			s.peek()
			s.pos++ // the colon
			return key
		})
	case '[':
		s.members(']', strconv.Itoa)
	case '"':
		s.text()
	default: // a number or a word
		for s.pos < len(s.raw) && !bytes.ContainsRune([]byte(",]} \t\r\n"), rune(s.raw[s.pos])) {
			s.pos++
		}
	}
}

// members walks through an object or a list; name reads or makes the name of the next member.
func (s *textScan) members(end byte, name func(i int) string) {
	s.pos++
	for i := 0; s.peek() != end; i++ {
		if s.raw[s.pos] == ',' {
			s.pos++
			s.peek()
		}
		s.path = append(s.path, name(i))
		s.value()
		s.path = s.path[:len(s.path)-1]
	}
	s.pos++
}

// text walks through a text and reports it if it is bad.
func (s *textScan) text() {
	bad := false
	for s.pos++; s.raw[s.pos] != '"'; s.pos++ {
		if s.raw[s.pos] != '\\' {
			continue
		}
		s.pos++
		if s.raw[s.pos] != 'u' {
			continue
		}
		r := s.hex()
		s.pos += 4
		switch {
		case r == 0:
			bad = true
		case utf16.IsSurrogate(r):
			if s.raw[s.pos+1] != '\\' || s.raw[s.pos+2] != 'u' {
				bad = true
				continue
			}
			s.pos += 2
			if utf16.DecodeRune(r, s.hex()) == utf8.RuneError {
				bad = true
				s.pos -= 2 // the second may be NUL, or the first of another pair
				continue
			}
			s.pos += 4
		}
	}
	s.pos++
	if bad {
		s.found.add("invalid_format", badTextMessage, append([]string{}, s.path...)...)
	}
}

// hex is the number after \u, on which the scan stands.
func (s *textScan) hex() rune {
	n, _ := strconv.ParseUint(string(s.raw[s.pos+1:s.pos+5]), 16, 16) // the document is valid
	return rune(n)
}
