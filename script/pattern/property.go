package pattern

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
)

// span is a run of code points, both ends included.
type span struct{ low, high rune }

// property is the set of code points of a Unicode property, sorted and without overlaps: a general category, a script, or a binary
// property, by the names that ECMAScript allows.
func property(name string) ([]span, bool) {
	key, value, assigned := strings.Cut(name, "=")
	if assigned {
		switch key {
		case "Script", "sc":
			if long, ok := scripts[value]; ok {
				value = long
			}
			t, ok := unicode.Scripts[value]
			return spans(t), ok
		case "General_Category", "gc":
			return category(value)
		default:
			return nil, false // Script_Extensions isn't in Go's tables
		}
	}
	if s, ok := emoji[name]; ok {
		return s, true
	}
	if set, ok := derived[name]; ok {
		return set(), true
	}
	if s, ok := category(name); ok {
		return s, true
	}
	if t, ok := unicode.Properties[name]; ok && binary[name] {
		return spans(t), true
	}
	return nil, false
}

func category(name string) ([]span, bool) {
	if short, ok := unicode.CategoryAliases[name]; ok {
		name = short
	}
	t, ok := unicode.Categories[name]
	return spans(t), ok
}

// derived are the properties that Unicode computes from others (DerivedCoreProperties.txt).
var derived = map[string]func() []span{
	"Any":        func() []span { return []span{{0, unicode.MaxRune}} },
	"ASCII":      func() []span { return []span{{0, unicode.MaxASCII}} },
	"Assigned":   func() []span { return inverted(spans(unicode.Cn)) },
	"Alphabetic": alphabetic,
	"Alpha":      alphabetic,
	"Uppercase":  func() []span { return spans(unicode.Lu, unicode.Other_Uppercase) },
	"Upper":      func() []span { return spans(unicode.Lu, unicode.Other_Uppercase) },
	"Lowercase":  func() []span { return spans(unicode.Ll, unicode.Other_Lowercase) },
	"Lower":      func() []span { return spans(unicode.Ll, unicode.Other_Lowercase) },
	"Math":       func() []span { return spans(unicode.Sm, unicode.Other_Math) },
	"Cased": func() []span {
		return spans(unicode.Lu, unicode.Ll, unicode.Lt, unicode.Other_Lowercase, unicode.Other_Uppercase)
	},
	"ID_Start":    idStart,
	"IDS":         idStart,
	"ID_Continue": idContinue,
	"IDC":         idContinue,
	"space":       func() []span { return spans(unicode.White_Space) },
}

func alphabetic() []span { return spans(unicode.L, unicode.Nl, unicode.Other_Alphabetic) }

func idStart() []span {
	return without(spans(unicode.L, unicode.Nl, unicode.Other_ID_Start), spans(unicode.Pattern_Syntax, unicode.Pattern_White_Space))
}

func idContinue() []span {
	return without(spans(unicode.L, unicode.Nl, unicode.Other_ID_Start, unicode.Mn, unicode.Mc, unicode.Nd, unicode.Pc, unicode.Other_ID_Continue),
		spans(unicode.Pattern_Syntax, unicode.Pattern_White_Space))
}

// binary are those of Go's properties that ECMAScript names as well.
var binary = map[string]bool{
	"ASCII_Hex_Digit": true, "Bidi_Control": true, "Dash": true, "Deprecated": true, "Diacritic": true, "Extender": true, "Hex_Digit": true, "IDS_Binary_Operator": true,
	"IDS_Trinary_Operator": true, "Ideographic": true, "Join_Control": true, "Logical_Order_Exception": true, "Noncharacter_Code_Point": true, "Pattern_Syntax": true,
	"Pattern_White_Space": true, "Quotation_Mark": true, "Radical": true, "Regional_Indicator": true, "Sentence_Terminal": true, "Soft_Dotted": true,
	"Terminal_Punctuation": true, "Unified_Ideograph": true, "Variation_Selector": true, "White_Space": true,
}

// scripts are the short names of scripts (PropertyValueAliases.txt), as far as they are in common use.
var scripts = map[string]string{
	"Arab": "Arabic", "Armn": "Armenian", "Beng": "Bengali", "Cyrl": "Cyrillic", "Deva": "Devanagari", "Ethi": "Ethiopic", "Geor": "Georgian", "Grek": "Greek", "Gujr": "Gujarati",
	"Guru": "Gurmukhi", "Hang": "Hangul", "Hani": "Han", "Hebr": "Hebrew", "Hira": "Hiragana", "Kana": "Katakana", "Khmr": "Khmer", "Knda": "Kannada", "Laoo": "Lao", "Latn": "Latin",
	"Mlym": "Malayalam", "Mong": "Mongolian", "Mymr": "Myanmar", "Sinh": "Sinhala", "Taml": "Tamil", "Telu": "Telugu", "Thaa": "Thaana", "Tibt": "Tibetan", "Zinh": "Inherited", "Zyyy": "Common",
}

// spans are the code points of tables.
func spans(tables ...*unicode.RangeTable) []span {
	var out []span
	add := func(low, high, stride rune) {
		if stride == 1 {
			out = append(out, span{low, high})
			return
		}
		for c := low; c <= high; c += stride {
			out = append(out, span{c, c})
		}
	}
	for _, t := range tables {
		if t == nil {
			continue
		}
		for _, r := range t.R16 {
			add(rune(r.Lo), rune(r.Hi), rune(r.Stride))
		}
		for _, r := range t.R32 {
			add(rune(r.Lo), rune(r.Hi), rune(r.Stride))
		}
	}
	return merged(out)
}

// merged sorts spans and joins those that touch.
func merged(in []span) []span {
	slices.SortFunc(in, func(a, b span) int { return cmp.Compare(a.low, b.low) })
	var out []span
	for _, s := range in {
		if n := len(out); n > 0 && s.low <= out[n-1].high+1 {
			out[n-1].high = max(out[n-1].high, s.high)
			continue
		}
		out = append(out, s)
	}
	return out
}

// inverted are the code points that are in none of the spans.
func inverted(in []span) []span {
	var (
		out  []span
		next rune
	)
	for _, s := range in {
		if s.low > next {
			out = append(out, span{next, s.low - 1})
		}
		next = s.high + 1
	}
	if next <= unicode.MaxRune {
		out = append(out, span{next, unicode.MaxRune})
	}
	return out
}

// without takes the second set's code points out of the first.
func without(a, b []span) []span { return inverted(merged(append(inverted(a), b...))) }
