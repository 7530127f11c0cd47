// Package compile turns a project of TypeScript files into what is deployed: it finds the entries, bundles each into one CommonJS text,
// checks it, and reads the definitions with their JSON Schemas. It also lowers uploaded bundles to what the engine runs.
//
// It is the only package that uses esbuild, and it evaluates customers' text: the command line does so in its own process, on its user's
// own text; the platform only in a runner process (Lower).
//
// Start reading with project.go, then bundle.go and lower.go.
package compile
