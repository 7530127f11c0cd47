package config

import (
	"fmt"
	"strings"
)

// Reference is the documentation of all settings as a Markdown table, made from the tree.
func Reference() string {
	l, err := Load("", nil)
	if err != nil {
		panic("config: the defaults are not valid: " + err.Error())
	}
	var b strings.Builder
	b.WriteString("| Key | Environment variable | Default | |\n|---|---|---|---|\n")
	for _, s := range l.Settings() {
		d := s.Default
		if d == "" {
			d = "–"
		}
		env := s.Env
		if s.Secret {
			env += "`, `" + s.Env + "_FILE"
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s |\n", s.Key, env, d, s.Doc)
	}
	return b.String()
}
