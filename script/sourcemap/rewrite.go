package sourcemap

import (
	"bytes"
	"strconv"
)

// maxPlaces is how many places of one text are looked up; what comes after stays as it is.
const maxPlaces = 100

// ModuleHead is what the engine puts before a script's text, on the same line: positions in stack traces count it.
const ModuleHead = "(function (exports, require, module) {"

// Names says whether a text may hold a place in a lowered script.
func Names(text []byte, file string) bool { return bytes.Contains(text, []byte(file+":")) }

// Rewrite puts the author's places where a text names those of the lowered script as stack traces do, file:line:column with both from 1.
// The text may be JSON. What has no source stays as it is.
func (m *Map) Rewrite(text []byte, file string) []byte {
	mark := []byte(file + ":")
	var out []byte
	for range maxPlaces {
		at := bytes.Index(text, mark)
		if at < 0 {
			break
		}
		line, rest := leadingNumber(text[at+len(mark):])
		column, after := 0, rest
		if line > 0 && len(rest) > 1 && rest[0] == ':' {
			column, after = leadingNumber(rest[1:])
		}
		place, ok := Position{}, false
		if column > 0 {
			place, ok = m.At(line, generatedColumn(line, column))
		}
		if !ok {
			out, text = append(out, text[:at+len(mark)]...), text[at+len(mark):]
			continue
		}
		out = append(append(out, text[:at]...), place.File...)
		out = strconv.AppendInt(append(out, ':'), int64(place.Line), 10)
		out = strconv.AppendInt(append(out, ':'), int64(place.Column), 10)
		text = withoutOffset(after)
	}
	if out == nil {
		return text
	}
	return append(out, text...)
}

func generatedColumn(line, column int) int {
	column--
	if line == 1 {
		column = max(column-len(ModuleHead), 0)
	}
	return column
}

// withoutOffset takes off the engine's own offset, in brackets behind a place.
func withoutOffset(text []byte) []byte {
	if len(text) > 2 && text[0] == '(' {
		if n, rest := leadingNumber(text[1:]); len(rest) > 0 && rest[0] == ')' && (n > 0 || text[1] == '0') {
			return rest[1:]
		}
	}
	return text
}

// leadingNumber reads a number of at most nine digits; 0 if there is none.
func leadingNumber(text []byte) (n int, rest []byte) {
	i := 0
	for i < len(text) && i < 9 && text[i] >= '0' && text[i] <= '9' {
		n = 10*n + int(text[i]-'0')
		i++
	}
	return n, text[i:]
}
