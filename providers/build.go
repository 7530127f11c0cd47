package providers

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

var providerName = regexp.MustCompile(`^[a-z0-9-]+$`)

func digestOf(layers []layer) string {
	h := sha256.New()
	for _, l := range layers {
		_, _ = fmt.Fprintf(h, "%s %d\n", l.source, len(l.text))
		h.Write(l.text)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// entry is a provider before inheritance.
type entry struct {
	source string
	node   *yaml.Node // a mapping
}

// build merges the layers, resolves inheritance and compiles the entries.
func build(layers []layer) *snapshot {
	s := &snapshot{providers: map[string]*Provider{}}
	entries := map[string]entry{}
	for _, l := range layers {
		var doc yaml.Node
		if err := yaml.Unmarshal(l.text, &doc); err != nil || len(doc.Content) == 0 {
			continue // checked when it was read; empty files are fine
		}
		root := doc.Content[0]
		if root.Kind != yaml.MappingNode {
			s.problems = append(s.problems, Problem{Source: l.source, Text: "the file has to be a mapping of providers", Fatal: true})
			continue
		}
		for i := 0; i+1 < len(root.Content); i += 2 {
			name, value := root.Content[i].Value, root.Content[i+1]
			if !providerName.MatchString(name) || value.Kind != yaml.MappingNode {
				s.problems = append(s.problems, Problem{Source: l.source, Provider: name, Text: "names are a-z, 0-9 and -, values are mappings", Fatal: true})
				continue
			}
			entries[name] = entry{source: l.source, node: value}
		}
	}
	r := resolver{entries: entries, done: map[string]*yaml.Node{}, active: map[string]bool{}}
	for name, e := range entries {
		problem := func(fatal bool, format string, args ...any) {
			s.problems = append(s.problems, Problem{Source: e.source, Provider: name, Text: fmt.Sprintf(format, args...), Fatal: fatal})
		}
		node, err := r.resolve(name)
		if err != nil {
			problem(true, "%v", err)
			continue
		}
		if scalarText(child(node, "disabled")) == "true" {
			continue
		}
		p, err := compileProvider(name, e.source, node, func(text string) { problem(false, "%s", text) })
		if err != nil {
			problem(true, "%v", err)
			continue
		}
		s.providers[name] = p
		s.names = append(s.names, name)
	}
	slices.Sort(s.names)
	slices.SortStableFunc(s.problems, func(a, b Problem) int { return strings.Compare(a.Provider, b.Provider) })
	return s
}

// resolver applies alias (shallow) and extends (deep) recursively.
type resolver struct {
	entries map[string]entry
	done    map[string]*yaml.Node
	active  map[string]bool
}

func (r *resolver) resolve(name string) (*yaml.Node, error) {
	if n, ok := r.done[name]; ok {
		return n, nil
	}
	e, ok := r.entries[name]
	if !ok {
		return nil, fmt.Errorf("there is no provider %q to inherit from", name)
	}
	if r.active[name] {
		return nil, fmt.Errorf("it inherits from itself by way of %q", name)
	}
	r.active[name] = true
	defer delete(r.active, name)
	node := e.node
	for _, key := range []string{"alias", "extends"} {
		parent := scalarText(child(node, key))
		if parent == "" {
			continue
		}
		base, err := r.resolve(parent)
		if err != nil {
			return nil, err
		}
		node = mergeNodes(base, node, key == "extends")
	}
	r.done[name] = node
	return node, nil
}

// mergeNodes lays the keys of over on those of base. Deep merges maps, replaces lists, and deletes what is null.
func mergeNodes(base, over *yaml.Node, deep bool) *yaml.Node {
	out := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	set := func(key, value *yaml.Node) {
		for i := 0; i+1 < len(out.Content); i += 2 {
			if out.Content[i].Value != key.Value {
				continue
			}
			switch old := out.Content[i+1]; {
			case deep && value.Tag == "!!null":
				out.Content = slices.Delete(out.Content, i, i+2)
			case deep && old.Kind == yaml.MappingNode && value.Kind == yaml.MappingNode:
				out.Content[i+1] = mergeNodes(old, value, true)
			default:
				out.Content[i+1] = value
			}
			return
		}
		out.Content = append(out.Content, key, value)
	}
	for _, n := range []*yaml.Node{base, over} {
		for i := 0; i+1 < len(n.Content); i += 2 {
			set(n.Content[i], n.Content[i+1])
		}
	}
	return out
}

// child returns the value of a mapping's key, or nil.
func child(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

func scalarText(n *yaml.Node) string {
	if n == nil || n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		return ""
	}
	return n.Value
}

// texts reads a list of scalars, or one scalar as a list of one.
func texts(n *yaml.Node) []string {
	if n == nil {
		return nil
	}
	if n.Kind == yaml.ScalarNode {
		if t := scalarText(n); t != "" {
			return []string{t}
		}
		return nil
	}
	var out []string
	for _, item := range n.Content {
		if t := scalarText(item); t != "" {
			out = append(out, t)
		}
	}
	return out
}

// nodeValue is a node as plain Go values. Dates stay the texts that they are in the file.
func nodeValue(n *yaml.Node) (any, error) {
	switch n.Kind {
	case yaml.MappingNode:
		out := make(map[string]any, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			v, err := nodeValue(n.Content[i+1])
			if err != nil {
				return nil, err
			}
			out[n.Content[i].Value] = v
		}
		return out, nil
	case yaml.SequenceNode:
		out := make([]any, len(n.Content))
		for i, item := range n.Content {
			v, err := nodeValue(item)
			if err != nil {
				return nil, err
			}
			out[i] = v
		}
		return out, nil
	case yaml.AliasNode:
		return nil, errors.New("YAML aliases are not used in catalogs")
	}
	if n.Tag == "!!timestamp" {
		return n.Value, nil
	}
	var v any
	err := n.Decode(&v)
	return v, err
}

// nodeJSON prints a node as JSON.
func nodeJSON(n *yaml.Node) (json.RawMessage, error) {
	v, err := nodeValue(n)
	if err != nil {
		return nil, err
	}
	return json.Marshal(v)
}
