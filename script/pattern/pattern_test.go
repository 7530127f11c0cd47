package pattern_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/causeway-dev/causeway/script/pattern"
)

func TestWhatTheEngineKnowsStaysAsItIs(t *testing.T) {
	for _, c := range []struct{ source, flags string }{
		{`a+`, ""}, {`\p{L}`, ""}, {`\p`, "g"}, {`(?:a)(?<n>b)(?=c)(?!d)(?<=e)(?<!f)`, "gimsy"}, {`[(?i:)]\(?i:x`, ""}, {`\u{1F600}[\d\-]`, "u"}, {`[^\]]\/`, "u"}, {`\\p{L}`, "u"}, {`[`, "u"}, {`\`, "u"},
	} {
		source, flags, err := pattern.Rewrite(c.source, c.flags)
		require.NoError(t, err, c.source)
		assert.Equal(t, c.source, source)
		assert.Equal(t, c.flags, flags)
	}
}

func TestRewriting(t *testing.T) {
	for _, c := range []struct{ source, flags, want, wantFlags string }{
		{`\p{ASCII}`, "u", `[\u{0}-\u{7f}]`, "u"},
		{`[x\p{ASCII}]`, "gu", `[x\u{0}-\u{7f}]`, "gu"},
		{`\P{ASCII}`, "u", `[\u{80}-\u{10ffff}]`, "u"},
		{`[^\p{ASCII}]`, "v", `[^\u{0}-\u{7f}]`, "u"},
		{`[\&\-]\&?`, "v", `[&\-]\&?`, "u"},
		{`\p{Zl}`, "iv", `[\u{2028}]`, "iu"},
		{`\p{Regional_Indicator}`, "u", `[\u{1f1e6}-\u{1f1ff}]`, "u"},
	} {
		source, flags, err := pattern.Rewrite(c.source, c.flags)
		require.NoError(t, err, c.source)
		assert.Equal(t, c.want, source)
		assert.Equal(t, c.wantFlags, flags)
	}
}

func TestWhatIsRefused(t *testing.T) {
	for _, c := range []struct{ source, flags, message string }{
		{`a`, "d", "the flag d"},
		{`(?i:a)`, "", "flags within a group"},
		{`x(?-s:a)`, "u", "flags within a group"},
		{`[\p{L}--[a-z]]`, "v", "sets within a class"},
		{`[\p{L}&&\p{ASCII}]`, "v", "sets within a class"},
		{`[a[b]]`, "v", "sets within a class"},
		{`[\q{ab}]`, "v", "texts within a class"},
		{`\p{RGI_Emoji}`, "v", "the property \\p{RGI_Emoji} is not known"},
		{`\p{scx=Grek}`, "u", "is not known"},
		{`\p{Hyphen}`, "u", "is not known"}, // Go has it, ECMAScript not
		{`\p{l}`, "u", "is not known"},
		{`\pL`, "u", "needs the name of a property"},
		{`\p{L`, "u", "needs the name of a property"},
	} {
		_, _, err := pattern.Rewrite(c.source, c.flags)
		require.ErrorContains(t, err, c.message, c.source)
	}
}

// Node 20 says of each text which properties its characters have.
func TestPropertiesHoldTheRightCharacters(t *testing.T) {
	for name, c := range map[string]struct{ in, out string }{
		"L": {"aÄ日ﬁ", "1 -_"}, "Letter": {"a", "1"}, "Lu": {"AÄΩ", "aä1"}, "gc=Lu": {"A", "a"}, "General_Category=Uppercase_Letter": {"A", "a"}, "LC": {"aAǅ", "日1"},
		"N": {"1٣Ⅷ²", "a"}, "Nd": {"1٣", "Ⅷ²"}, "digit": {"1", "²"}, "P": {".-_«", "a+"}, "punct": {"!", "a"}, "Sc": {"$€", "a"}, "Zs": {" \u00a0", "\n"}, "Cc": {"\n\x00", " "},
		"M": {"\u0301", "a"}, "Cn": {"\U000e0fff", "a"}, "Assigned": {"a", "\U000e0fff"}, "Any": {"a日\U000e0fff", ""}, "C": {"\n\U000e0fff", "a"},
		"Alphabetic": {"aÄ日ͅ", "1-"}, "Alpha": {"a", "1"}, "Uppercase": {"AⒶ", "a"}, "Lowercase": {"aª", "A"}, "White_Space": {" \n\u00a0\u2003", "a\u200b"},
		"ID_Start": {"a日", "1_$ⸯ"}, "ID_Continue": {"a1_", "-$"}, "Math": {"+∑^", "a"}, "Cased": {"aAª", "日"}, "Dash": {"-–", "_"}, "Ideographic": {"日", "a"},
		"Hex_Digit": {"afＦ", "g"}, "ASCII_Hex_Digit": {"aF0", "gＦ"}, "Script=Greek": {"αΩ", "aж"}, "sc=Cyrl": {"ж", "α"}, "sc=Hani": {"日", "あ"}, "Script=Latin": {"aÄª", "α"},
		"Emoji": {"😀1#", "a"}, "Emoji_Presentation": {"😀", "1☺"}, "Extended_Pictographic": {"😀☺", "1🏻"}, "Emoji_Modifier": {"🏻", "😀"}, "Emoji_Component": {"🏻1\u200d", "😀"}, "Emoji_Modifier_Base": {"👍", "😀"},
	} {
		source, _, err := pattern.Rewrite(`\p{`+name+`}`, "u")
		require.NoError(t, err, name)
		re := regexp.MustCompile("^" + strings.ReplaceAll(source, `\u`, `\x`) + "$")
		for _, r := range c.in {
			assert.True(t, re.MatchString(string(r)), "%s holds %q", name, r)
		}
		for _, r := range c.out {
			assert.False(t, re.MatchString(string(r)), "%s does not hold %q", name, r)
		}
	}
}
