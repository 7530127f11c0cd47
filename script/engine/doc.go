// Command engine puts our patches into the script engine, goja.
//
// The engine stays an ordinary requirement in go.mod, and none of its code is in this repository. What is ours are the files in patches/,
// each with tests of its own. This program copies the pinned module out of the module cache to .build/goja, applies them in the order of
// their names, and writes go.work, which puts the copy in the place of the original: from then on every go command and every editor in this
// folder takes the patched engine. Without go.work the plain one is built, and the prelude of package realm does what can be done without
// the patches. It runs as part of ./task build and needs git; when version and patches are those of the copy it does nothing.
//
// Run it as "GOWORK=off go run ./script/engine": with a go.work whose folder is gone every other go command fails.
package main
