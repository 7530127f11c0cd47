// Package migrations holds the numbered SQL files of the databases, embedded: those of the control plane at the top, those of
// the records below records, since records may live in a database of their own. Each file goes up and down in a transaction.
//
// Files are append-only: what has landed is never changed. A comment says what a file costs on a large table.
package migrations

import (
	"embed"
	"io/fs"
)

// Control are the migrations of the control plane.
//
//go:embed *.sql
var Control embed.FS

//go:embed records/*.sql
var records embed.FS

// Records are the migrations of the database that records live in.
func Records() fs.FS {
	files, err := fs.Sub(records, "records")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return files
}
