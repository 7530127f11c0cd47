package providers

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

type vector struct {
	ID          string          `json:"id"`
	Mode        string          `json:"mode"`
	Template    string          `json:"template"`
	Scope       map[string]any  `json:"scope"`
	Config      map[string]any  `json:"config"`
	SkipEncode  []string        `json:"skip_encode"`
	Credentials map[string]any  `json:"credentials"`
	Connection  map[string]any  `json:"connection_config"`
	Expected    json.RawMessage `json:"expected"`
	ExpectError string          `json:"expect_error"`
	Note        string          `json:"note"`
}

// The cases of the modes proxy_… are package proxy's.
func TestTemplateVectors(t *testing.T) {
	raw, err := os.ReadFile("testdata/interpolation-vectors.json")
	require.NoError(t, err)
	var file struct {
		Clock string   `json:"clock"`
		Cases []vector `json:"cases"`
	}
	require.NoError(t, json.Unmarshal(raw, &file))
	ran := 0
	for _, c := range file.Cases {
		if strings.HasPrefix(c.Mode, "proxy_") {
			continue
		}
		ran++
		t.Run(c.ID, func(t *testing.T) {
			var want any
			if c.Expected != nil {
				require.NoError(t, json.Unmarshal(c.Expected, &want))
			}
			got, err := renderVector(t, c)
			if c.ExpectError != "" {
				require.ErrorIs(t, err, ErrUnresolved)
				return
			}
			require.NoError(t, err)
			require.Equal(t, want, got, c.Note)
		})
	}
	require.Equal(t, 80, ran, "a vector was lost")
}

func renderVector(t *testing.T, c vector) (any, error) {
	template := Compile(c.Template)
	raw := len(c.SkipEncode) > 0 && c.SkipEncode[0] == "base_url"
	switch c.Mode {
	case "plain":
		text, _ := template.Plain(scopeOf(t, c.Scope))
		return text, nil
	case "fallback":
		text, _ := template.Fallback(scopeOf(t, c.Scope))
		return text, nil
	case "value":
		text, _ := template.Value(scopeOf(t, c.Scope))
		return text, nil
	case "url":
		return template.RenderURL(c.Config, raw)
	case "missing":
		return template.Missing(c.Config), nil
	case "two_step_param":
		all := map[string]any{"credentials": c.Credentials, "connectionConfig": c.Connection}
		for k, v := range c.Credentials {
			all[k] = v
		}
		text, ok := template.Fallback(scopeOf(t, all))
		if !ok {
			return nil, nil
		}
		return text, nil
	}
	t.Fatalf("unknown mode %q", c.Mode)
	return nil, nil
}

func scopeOf(t *testing.T, vars map[string]any) *Scope {
	s := &Scope{Get: func(name string) (any, bool) { v, ok := vars[name]; return v, ok && v != nil }}
	if text, ok := vars["now"].(string); ok {
		at, err := time.Parse(time.RFC3339Nano, text)
		require.NoError(t, err)
		s.Now = at
	}
	s.Random, _ = vars["random"].(string)
	return s
}

func TestTemplateOddTexts(t *testing.T) {
	s := &Scope{Get: func(name string) (any, bool) { return "v", name == "a" }}
	for text, want := range map[string]string{
		"":                        "",
		"${":                      "${",
		"${}":                     "${}",
		"${a":                     "${a",
		"${base64(${a})":          "${base64(v)",
		"${base64(x)}":            "eA==",
		"${nosuch(a)}":            "${nosuch(a)}",
		"${a}${a}":                "vv",
		"$${a}":                   "$v",
		"${hmacSha1Hex(no key)}":  "${hmacSha1Hex(no key)}",
		"${ed25519Sign(m, nope)}": "${ed25519Sign(m, nope)}",
	} {
		got, _ := Compile(text).Plain(s)
		require.Equal(t, want, got, text)
	}
}

func FuzzTemplate(f *testing.F) {
	f.Add("${base64(${a}:${b})} || ${now:YYYY[x]}")
	s := &Scope{Get: func(string) (any, bool) { return nil, false }}
	f.Fuzz(func(_ *testing.T, text string) {
		c := Compile(text)
		c.Plain(s)
		c.Fallback(s)
		c.Missing(nil)
	})
}
