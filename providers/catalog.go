package providers

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"

	"gopkg.in/yaml.v3"
)

//go:embed starter/*.yaml
var starter embed.FS

// Catalog is what is known about outside APIs. It is immutable and safe for concurrent use.
type Catalog struct {
	providers map[string]*Provider
	problems  []error
}

// Load reads the built-in catalog and lays files over it, in their order. A file that can't be read is an error; an entry that can't be
// used is left out and reported by Problems.
func Load(files ...string) (*Catalog, error) {
	entries := map[string]map[string]any{}
	names, err := fs.Glob(starter, "starter/*.yaml")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		raw, err := starter.ReadFile(name)
		if err != nil {
			return nil, err
		}
		if err := merge(entries, raw); err != nil {
			return nil, fmt.Errorf("built-in catalog: %w", err)
		}
	}
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("catalog.files: %w", err)
		}
		if err := merge(entries, raw); err != nil {
			return nil, fmt.Errorf("catalog.files: %s: %w", name, err)
		}
	}
	c := &Catalog{providers: make(map[string]*Provider, len(entries))}
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		entry, err := resolve(entries, name, nil)
		if err == nil {
			c.providers[name], err = parseProvider(name, entry)
		}
		if err != nil {
			delete(c.providers, name)
			c.problems = append(c.problems, err)
		}
	}
	return c, nil
}

func merge(into map[string]map[string]any, raw []byte) error {
	var layer map[string]map[string]any
	if err := yaml.Unmarshal(raw, &layer); err != nil {
		return err
	}
	maps.Copy(into, layer)
	return nil
}

// resolve follows an alias: a shallow copy of its target, under the entry's own keys.
func resolve(entries map[string]map[string]any, name string, seen []string) (map[string]any, error) {
	entry, ok := entries[name]
	if !ok {
		return nil, fmt.Errorf("provider %s: its alias %s is not in the catalog", seen[0], name)
	}
	target, isAlias := entry["alias"].(string)
	if !isAlias {
		return entry, nil
	}
	if slices.Contains(seen, name) {
		return nil, fmt.Errorf("provider %s: its aliases go in a circle", name)
	}
	base, err := resolve(entries, target, append(seen, name))
	if err != nil {
		return nil, err
	}
	out := maps.Clone(base)
	maps.Copy(out, entry)
	delete(out, "alias")
	return out, nil
}

// Provider returns an entry by its name.
func (c *Catalog) Provider(name string) (*Provider, bool) {
	p, ok := c.providers[name]
	return p, ok
}

// Names lists all entries.
func (c *Catalog) Names() []string { return slices.Sorted(maps.Keys(c.providers)) }

// Problems says which entries were left out, and why; nil: none.
func (c *Catalog) Problems() error { return errors.Join(c.problems...) }
