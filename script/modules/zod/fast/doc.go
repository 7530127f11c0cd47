// Package fast is the short way through zod for scripts: defining schemas costs next to nothing, and values that fit are checked in Go.
//
// It has two halves. The recorder (recorder.js) stands in for the package zod: it notes how schemas are made. The validator (compile.go and
// the files of node types) is made from these notes when a schema first parses; it only ever answers "this fits, here is the output".
// Whatever else there is to say, every failure included, is said by zod itself, which a realm loads when it is first needed. What a script
// can observe is the same as with zod alone; TestTheSameAsZod holds that with random schemas and values.
//
// It is not a schema library for Go, and it is not used where schemas are read rather than applied (deploys use zod alone).
//
// Start reading with Load, then recorder.js.
package fast
