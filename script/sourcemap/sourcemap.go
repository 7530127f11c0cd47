package sourcemap

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// MaxSize is the size of the largest map that is read, in bytes. The map of a bundle of 10 MB is below it.
	MaxSize = 32 << 20
	// maxName is the length of a source's name, in bytes.
	maxName = 200
	// maxLines is how many lines a lowered text may have.
	maxLines = 1 << 20
)

// errTooLarge is the error of a map above MaxSize.
var errTooLarge = errors.New("the source map is too large")

// Map finds the source of a place in a lowered text. It is immutable and safe for concurrent use.
type Map struct {
	sources  []string
	mappings string
	lines    []lineStart // by line of the lowered text
}

// lineStart is the state of the decoder where a line's segments begin: segments are relative to the ones before, over lines as well.
type lineStart struct {
	offset               int
	source, line, column int
}

// Position is a place in an author's source; both from 1.
type Position struct {
	File         string
	Line, Column int
}

// Parse reads a map of version 3. Only the starts of lines are kept beside its text; segments are decoded when they are asked for.
func Parse(raw []byte) (*Map, error) {
	if len(raw) > MaxSize {
		return nil, errTooLarge
	}
	var v3 struct {
		Version    int      `json:"version"`
		SourceRoot string   `json:"sourceRoot"`
		Sources    []string `json:"sources"`
		Mappings   string   `json:"mappings"`
	}
	if err := json.Unmarshal(raw, &v3); err != nil {
		return nil, fmt.Errorf("read source map: %w", err)
	}
	if v3.Version != 3 {
		return nil, fmt.Errorf("read source map: version %d is not known", v3.Version)
	}
	m := &Map{mappings: v3.Mappings, sources: make([]string, len(v3.Sources))}
	for i, s := range v3.Sources {
		m.sources[i] = sourceName(v3.SourceRoot, s)
	}
	return m, m.index()
}

// Size is about what the map takes, in bytes.
func (m *Map) Size() int { return len(m.mappings) + 32*len(m.lines) }

// sourceName is a source's path within its project: bundlers write it relative to where they put the bundle. It is fit to stand in a text
// and in JSON as it is.
func sourceName(root, name string) string {
	if !strings.Contains(name, ":") && !path.IsAbs(name) {
		name = path.Join(root, name)
	}
	for strings.HasPrefix(name, "../") {
		name = name[len("../"):]
	}
	name = strings.Map(func(r rune) rune {
		if r == '"' || r == '\\' || r == utf8.RuneError || !unicode.IsPrint(r) {
			return '_'
		}
		return r
	}, name)
	if len(name) > maxName {
		name = strings.ToValidUTF8(name[len(name)-maxName:], "")
	}
	return name
}

// index walks through all segments once, and thereby finds out whether they can be read.
func (m *Map) index() error {
	s := segments{text: m.mappings}
	for {
		if len(m.lines) == maxLines {
			return errTooLarge
		}
		m.lines = append(m.lines, lineStart{s.at, s.source, s.line, s.column})
		for {
			more, err := s.next()
			if err != nil {
				return err
			}
			if !more {
				break
			}
		}
		if s.at >= len(s.text) {
			return nil
		}
		s.at++ // the semicolon
	}
}

// At is the source of a place in the lowered text: line from 1, column from 0, in UTF-16 units. It is that of the last segment of the line
// that begins there or before, or else of the first.
func (m *Map) At(line, column int) (Position, bool) {
	if line < 1 || line > len(m.lines) {
		return Position{}, false
	}
	start := m.lines[line-1]
	s := segments{text: m.mappings, at: start.offset, source: start.source, line: start.line, column: start.column}
	var found Position
	ok := false
	for {
		more, err := s.next()
		if err != nil || !more || s.generated > column && ok {
			return found, ok
		}
		if s.mapped && s.source >= 0 && s.source < len(m.sources) && s.line >= 0 {
			found, ok = Position{File: m.sources[s.source], Line: s.line + 1, Column: s.column + 1}, true
		}
	}
}

// segments decodes the segments of one line after the other.
type segments struct {
	text                 string
	at                   int
	begun                bool // a line
	generated            int  // column
	mapped               bool // the segment has a source
	source, line, column int
}

var errMalformed = errors.New("read source map: malformed mappings")

// next decodes a segment; false at the end of the line.
func (s *segments) next() (bool, error) {
	if !s.begun {
		s.begun, s.generated = true, 0
	}
	for s.at < len(s.text) && s.text[s.at] == ',' {
		s.at++
	}
	if s.at >= len(s.text) || s.text[s.at] == ';' {
		s.begun = false
		return false, nil
	}
	var fields [5]int
	n := 0
	for s.at < len(s.text) && s.text[s.at] != ',' && s.text[s.at] != ';' {
		v, err := s.number()
		if err != nil || n == len(fields) {
			return false, errMalformed
		}
		fields[n] = v
		n++
	}
	s.generated += fields[0]
	s.mapped = n >= 4
	s.source, s.line, s.column = s.source+fields[1], s.line+fields[2], s.column+fields[3]
	return true, nil
}

// number decodes a signed number of base 64 digits, the lowest first, five bits each.
func (s *segments) number() (int, error) {
	value, shift := 0, 0
	for s.at < len(s.text) {
		digit := strings.IndexByte(digits, s.text[s.at])
		s.at++
		if digit < 0 || shift > 30 {
			return 0, errMalformed
		}
		value |= digit & 31 << shift
		if digit < 32 {
			if value&1 != 0 {
				return -(value >> 1), nil
			}
			return value >> 1, nil
		}
		shift += 5
	}
	return 0, errMalformed
}

const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
