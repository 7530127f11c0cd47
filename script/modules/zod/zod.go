// Package zod holds the zod package as one CommonJS text. It is fetched and bundled at build time (./task build) and never
// committed; a binary that was built without that step has none.
package zod

import "embed"

//go:embed all:dist
var dist embed.FS

// Bundle is the CommonJS text of zod, or false if this binary was built without it.
func Bundle() ([]byte, bool) {
	text, err := dist.ReadFile("dist/zod.cjs")
	return text, err == nil && len(text) > 0
}
