// Package providers is the catalog: what is known about each outside API (where it lives, how it authenticates, how it
// says "slow down", how it pages) as data, and the template language in which the data is written.
//
// A Catalog reads the published providers.yaml format from several layers (the embedded starter set, files, folders, a
// URL) and merges them by provider key, later ones winning. A broken file never takes anything down: an entry that can't
// be used is skipped and reported, a reload that fails leaves the last good catalog in place.
//
// It sends nothing to providers: package proxy does, with the templates that are compiled here once per provider.
//
// Start reading with provider.go (what an entry is), then catalog.go (layers) and template.go (the language).
package providers
