// Package activities is what workflows have done: one struct a noun, with its dependencies. Workflows decide, activities do. What crosses
// between them are ids and codes; payloads stay in our stores.
//
// Activities attend scripts, they don't run them: a script lives in the worker's run registry and hangs on the worker's lease, not on the
// context that Temporal gives.
//
// Start reading with run.go.
package activities
