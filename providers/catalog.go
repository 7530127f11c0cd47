package providers

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/causeway-dev/causeway/egress"
)

//go:embed starter/*.yaml
var starter embed.FS

// maxCatalog bounds a catalog that is downloaded; the published one has about 1 MB.
const maxCatalog = 32 << 20

// Options say where the catalog comes from. Later layers win per provider key: the starter set, Files in their order, URL.
type Options struct {
	Files []string // YAML or JSON files, or folders of them
	URL   string
	// Client downloads URL; required with it.
	Client *egress.Client
}

// Problem is something wrong with an entry. Fatal ones are not served.
type Problem struct {
	Source, Provider, Text string
	Fatal                  bool
}

func (p Problem) Error() string {
	return fmt.Sprintf("%s: provider %s: %s", p.Source, p.Provider, p.Text)
}

// Catalog serves providers by name. It is safe for concurrent use; a reload replaces everything at once.
type Catalog struct {
	options  Options
	current  atomic.Pointer[snapshot]
	mu       sync.Mutex // serialises reloads
	watchers []func()   // guarded by mu
}

type snapshot struct {
	providers map[string]*Provider
	names     []string
	problems  []Problem
	digest    string
}

// Load reads the starter set and lays files over it, in their order.
func Load(files ...string) (*Catalog, error) {
	return Open(context.Background(), Options{Files: files})
}

// Open reads all layers. It fails only if a layer can't be read at all; see Problems for entries that can't be used.
func Open(ctx context.Context, o Options) (*Catalog, error) {
	c := &Catalog{options: o}
	if _, err := c.Reload(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// Provider returns an entry.
func (c *Catalog) Provider(name string) (*Provider, bool) {
	p, ok := c.current.Load().providers[name]
	return p, ok
}

// Names lists the entries, sorted.
func (c *Catalog) Names() []string { return c.current.Load().names }

// Findings lists what was wrong in the files of the catalog that is served, warnings included.
func (c *Catalog) Findings() []Problem { return c.current.Load().problems }

// Problems says which entries were left out, and why; nil: none.
func (c *Catalog) Problems() error {
	var fatal []error
	for _, p := range c.Findings() {
		if p.Fatal {
			fatal = append(fatal, p)
		}
	}
	return errors.Join(fatal...)
}

// OnChange registers a function that is called after each reload that changed something; caches of integrations use it.
func (c *Catalog) OnChange(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watchers = append(c.watchers, f)
}

// Reload reads all layers again. On an error the last good catalog stays.
func (c *Catalog) Reload(ctx context.Context) (changed bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	layers, err := c.read(ctx)
	if err != nil {
		return false, err
	}
	digest := digestOf(layers)
	if old := c.current.Load(); old != nil && old.digest == digest {
		return false, nil
	}
	s := build(layers)
	s.digest = digest
	c.current.Store(s)
	for _, f := range c.watchers {
		f()
	}
	return true, nil
}

// Watch reloads at each interval until ctx ends; report gets what goes wrong and may be nil.
func (c *Catalog) Watch(ctx context.Context, interval time.Duration, report func(error)) {
	if len(c.options.Files) == 0 && c.options.URL == "" {
		return
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if _, err := c.Reload(ctx); err != nil && report != nil && ctx.Err() == nil {
				report(err)
			}
		}
	}
}

// layer is one file before inheritance.
type layer struct {
	source string
	text   []byte
}

func (c *Catalog) read(ctx context.Context) ([]layer, error) {
	layers, err := readFolder(starter, "starter", "embedded")
	if err != nil {
		return nil, err
	}
	for _, path := range c.options.Files {
		more, err := readPath(path)
		if err != nil {
			return nil, fmt.Errorf("catalog.files: %w", err)
		}
		layers = append(layers, more...)
	}
	if c.options.URL != "" {
		text, err := c.download(ctx)
		if err != nil {
			return nil, fmt.Errorf("catalog.url: %w", err)
		}
		layers = append(layers, layer{source: c.options.URL, text: text})
	}
	for _, l := range layers {
		var doc yaml.Node
		if err := yaml.Unmarshal(l.text, &doc); err != nil {
			return nil, fmt.Errorf("catalog %s: %w", l.source, err)
		}
	}
	return layers, nil
}

func readPath(path string) ([]layer, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return readFolder(os.DirFS(path), ".", path)
	}
	text, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		return nil, err
	}
	return []layer{{source: path, text: text}}, nil
}

// readFolder reads a folder's YAML and JSON files by name. Files that hold scopes or translations are no catalogs.
func readFolder(folder fs.FS, dir, source string) ([]layer, error) {
	entries, err := fs.ReadDir(folder, dir)
	if err != nil {
		return nil, err
	}
	var layers []layer
	for _, e := range entries {
		name := e.Name()
		ext := filepath.Ext(name)
		if e.IsDir() || ext != ".yaml" && ext != ".yml" && ext != ".json" || strings.Contains(name, ".scopes.") || name == "package.json" {
			continue
		}
		text, err := fs.ReadFile(folder, strings.TrimPrefix(dir+"/"+name, "./"))
		if err != nil {
			return nil, err
		}
		where := source
		if source != "embedded" {
			where = filepath.Join(source, name)
		}
		layers = append(layers, layer{source: where, text: text})
	}
	slices.SortStableFunc(layers, func(a, b layer) int { return strings.Compare(a.source, b.source) })
	return layers, nil
}

func (c *Catalog) download(ctx context.Context) ([]byte, error) {
	if c.options.Client == nil {
		return nil, errors.New("no client")
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.options.URL, nil)
	if err != nil {
		return nil, err
	}
	resp, err := c.options.Client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", resp.StatusCode)
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxCatalog+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxCatalog {
		return nil, fmt.Errorf("larger than %d bytes", maxCatalog)
	}
	return text, nil
}
