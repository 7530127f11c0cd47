// Package zod holds the zod package that scripts get: one CommonJS text for the engine, its declarations for editors, and its licence.
// They are fetched from the npm registry at build time, pinned by a lock file, bundled into dist/ (go run ./script/modules/zod/build), and
// never committed; a binary that was built without that step has none.
//
// Start reading with Bundle.
package zod

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// Bundle is the CommonJS text of zod, or false if this binary was built without it.
func Bundle() ([]byte, bool) {
	text, err := dist.ReadFile("dist/zod.cjs")
	return text, err == nil && len(text) > 0
}

// Declarations are the TypeScript declarations of zod, as they lie in its package; false if this binary was built without them.
func Declarations() (fs.FS, bool) {
	sub, err := fs.Sub(dist, "dist/types")
	if err != nil {
		return nil, false
	}
	_, err = fs.Stat(sub, "index.d.ts")
	return sub, err == nil
}

// Licence is zod's licence.
func Licence() string {
	text, err := dist.ReadFile("dist/LICENSE")
	if err != nil {
		return ""
	}
	return string(text)
}
