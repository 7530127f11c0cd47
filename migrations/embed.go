// Package migrations holds the numbered SQL files of the databases, embedded: those of the control plane at the top, those of
// the records below records, since records may live in a database of their own. Each file goes up and down in a transaction.
//
// Files are append-only: what has landed is never changed. A comment says what a file costs on a large table.
package migrations

import "embed"

// Control are the migrations of the control plane.
//
//go:embed *.sql
var Control embed.FS
