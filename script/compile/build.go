package compile

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
)

// Script is an entry of a project, ready to be deployed.
type Script struct {
	Entry
	JS         []byte // the bundle
	Source     []byte // the entry's own text
	Definition *Definition
}

// BundleName is the name of the bundle's file among those of the project.
func (e Entry) BundleName() string {
	return strings.ReplaceAll(strings.TrimSuffix(e.File, ".ts"), "/", "_") + ".cjs"
}

// Project is a project that has no mistake that can be seen without running it.
type Project struct {
	Scripts  []Script
	Warnings []string
}

// Build checks and bundles the scripts that index.ts names, and reads their definitions. It evaluates their text in this process. The
// error joins an *Error for each script that has one, so that an author sees them all at once.
func Build(dir string) (*Project, error) {
	entries, err := Entries(dir)
	if err != nil {
		return nil, err
	}
	root, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	b := builder{root: root, sources: map[string]*sourceFile{}}
	p := &Project{}
	var failed []error
	for _, e := range entries {
		s, warnings, err := b.script(e)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		p.Scripts = append(p.Scripts, *s)
		for _, w := range warnings {
			if !slices.Contains(p.Warnings, w) { // of a file that several scripts import
				p.Warnings = append(p.Warnings, w)
			}
		}
	}
	if len(failed) == 0 {
		failed = p.checkTogether()
	}
	if len(failed) > 0 {
		return nil, errors.Join(failed...)
	}
	return p, nil
}

// builder remembers the files that were checked: several scripts share some.
type builder struct {
	root    string
	sources map[string]*sourceFile
}

func (b *builder) script(e Entry) (*Script, []string, error) {
	made, err := bundle(b.root, e)
	if err != nil {
		return nil, nil, err
	}
	var features []string
	for _, name := range made.files {
		f, err := b.source(name)
		if err != nil {
			return nil, nil, err
		}
		if failed := f.checkCalls(); failed != nil {
			return nil, nil, failed
		}
		if name == e.File {
			if failed := f.checkEntry(); failed != nil {
				return nil, nil, failed
			}
		}
		if features == nil && f.usesCheckpoints() {
			features = []string{"checkpoints"}
		}
	}
	d, err := Define(e, made.js)
	if err != nil {
		return nil, nil, err
	}
	d.Features = features
	return &Script{Entry: e, JS: made.js, Source: made.source, Definition: d}, made.warnings, nil
}

func (b *builder) source(name string) (*sourceFile, error) {
	if f, ok := b.sources[name]; ok {
		return f, nil
	}
	f, err := readSource(b.root, name)
	if err != nil {
		return nil, err
	}
	b.sources[name] = f
	return f, nil
}

// checkTogether holds for the scripts of an integration: a model belongs to one sync, an endpoint to one script.
func (p *Project) checkTogether() []error {
	var failed []error
	once := func(seen map[string]string, s Script, what, key string) {
		key = s.Integration + "\x00" + key
		if other, ok := seen[key]; ok {
			_, name, _ := strings.Cut(key, "\x00")
			failed = append(failed, &Error{Code: "invalid_definition", File: s.File, Message: what + " " + name + " is already that of " + other})
			return
		}
		seen[key] = s.File
	}
	models, endpoints := map[string]string{}, map[string]string{}
	for _, s := range p.Scripts {
		if s.Definition.Type == "sync" {
			for _, m := range s.Definition.Models {
				once(models, s, "the model", m)
			}
		}
		list, err := s.Definition.endpoints()
		if err != nil {
			failed = append(failed, &Error{Code: "invalid_definition", File: s.File, Message: "endpoint: " + err.Error()})
		}
		for _, e := range list {
			once(endpoints, s, "the endpoint", e.Method+" "+e.Path)
		}
	}
	return failed
}
