package config

import (
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// Prefix starts the name of every environment variable of ours.
const Prefix = "CAUSEWAY_"

// exempt are environment variables of ours that are no settings.
func exempt(name string) bool {
	return name == Prefix+"URL" || name == Prefix+"API_KEY" || name == Prefix+"CONFIG" || strings.HasPrefix(name, Prefix+"TEST_")
}

// Source says where the value of a setting came from.
type Source string

// The sources that are no file.
const (
	FromDefault Source = "default"
	FromEnv     Source = "environment"
	FromSetting Source = "set by this command"
)

// Setting is one leaf of the tree, for printing and for the documentation.
type Setting struct {
	Key     string // "egress.allow_private"
	Env     string // "CAUSEWAY_EGRESS_ALLOW_PRIVATE"
	Default string
	Doc     string
	Secret  bool
	Enum    []string
	Value   string // as text; secrets in clear
	Source  Source
}

// Masked is the value as it may be shown.
func (s Setting) Masked() string {
	if s.Secret && s.Value != "" {
		return "********"
	}
	return s.Value
}

// Loaded is a tree with the origin of each value.
type Loaded struct {
	Config
	sources map[string]Source
}

// Load reads the settings: the YAML file at path ("" for none), environ as os.Environ gives it. An error names the key.
func Load(path string, environ []string) (*Loaded, error) {
	l := &Loaded{sources: map[string]Source{}}
	if err := l.defaults(); err != nil {
		return nil, err
	}
	if path != "" {
		if err := l.file(path); err != nil {
			return nil, err
		}
	}
	if err := l.environment(environ); err != nil {
		return nil, err
	}
	return l, l.Check()
}

// Set gives a setting a value from the program, e.g. the address of an embedded server. It panics on an unknown key, which
// is a programming error.
func (l *Loaded) Set(key, value string) {
	leaf, ok := l.leaves()[key]
	if !ok {
		panic("config: unknown key " + key)
	}
	if err := assign(leaf.value, value); err != nil {
		panic(fmt.Sprintf("config: %s: %v", key, err))
	}
	l.sources[key] = FromSetting
}

// Source says where the value of a key came from.
func (l *Loaded) Source(key string) Source { return l.sources[key] }

// Settings lists all settings in the order of their keys.
func (l *Loaded) Settings() []Setting {
	var out []Setting
	for key, leaf := range l.leaves() {
		s := Setting{
			Key: key, Env: EnvName(key), Default: leaf.field.Tag.Get("default"), Doc: leaf.field.Tag.Get("doc"),
			Secret: leaf.field.Tag.Get("secret") == "true", Value: text(leaf.value), Source: l.sources[key],
		}
		if enum := leaf.field.Tag.Get("enum"); enum != "" {
			s.Enum = strings.Split(enum, ",")
		}
		out = append(out, s)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Key < out[j].Key })
	return out
}

// EnvName is the environment variable of a key: "egress.allow_private" becomes CAUSEWAY_EGRESS_ALLOW_PRIVATE.
func EnvName(key string) string {
	return Prefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

type leaf struct {
	field reflect.StructField
	value reflect.Value
}

func (l *Loaded) leaves() map[string]leaf {
	out := map[string]leaf{}
	walk("", reflect.ValueOf(&l.Config).Elem(), out)
	return out
}

func walk(prefix string, v reflect.Value, out map[string]leaf) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		key := prefix + f.Tag.Get("yaml")
		if f.Type.Kind() == reflect.Struct {
			walk(key+".", v.Field(i), out)
			continue
		}
		out[key] = leaf{f, v.Field(i)}
	}
}

func (l *Loaded) defaults() error {
	for key, leaf := range l.leaves() {
		l.sources[key] = FromDefault
		if d, ok := leaf.field.Tag.Lookup("default"); ok {
			if err := assign(leaf.value, d); err != nil {
				return fmt.Errorf("default of %s: %w", key, err)
			}
		}
	}
	return nil
}

func (l *Loaded) file(path string) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("settings file: %w", err)
	}
	var tree yaml.Node
	if err := yaml.Unmarshal(raw, &tree); err != nil {
		return fmt.Errorf("settings file %s: %w", path, err)
	}
	if len(tree.Content) == 0 {
		return nil // an empty file
	}
	return l.node(path, "", tree.Content[0])
}

func (l *Loaded) node(path, prefix string, n *yaml.Node) error {
	if n.Kind != yaml.MappingNode {
		return fmt.Errorf("settings file %s, line %d: %s has to be a group of settings", path, n.Line, strings.TrimSuffix(prefix, "."))
	}
	leaves := l.leaves()
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, v := prefix+n.Content[i].Value, n.Content[i+1]
		if leaf, ok := leaves[key]; ok {
			if err := assignNode(leaf.value, v); err != nil {
				return fmt.Errorf("settings file %s, line %d: %s: %w", path, v.Line, key, err)
			}
			l.sources[key] = Source(path)
			continue
		}
		if !slices.ContainsFunc(sortedKeys(leaves), func(k string) bool { return strings.HasPrefix(k, key+".") }) {
			return fmt.Errorf("settings file %s, line %d: unknown setting %s%s", path, n.Content[i].Line, key, hint(key, leaves))
		}
		if err := l.node(path, key+".", v); err != nil {
			return err
		}
	}
	return nil
}

func assignNode(v reflect.Value, n *yaml.Node) error {
	if n.Kind == yaml.SequenceNode {
		if v.Kind() != reflect.Slice {
			return fmt.Errorf("is not a list")
		}
		return n.Decode(v.Addr().Interface())
	}
	if n.Kind != yaml.ScalarNode {
		return fmt.Errorf("is one value, not a group")
	}
	return assign(v, n.Value)
}

func (l *Loaded) environment(environ []string) error {
	byName := map[string]string{}
	leaves := l.leaves()
	for key := range leaves {
		byName[EnvName(key)] = key
	}
	seen := map[string]string{}
	for _, line := range environ {
		name, value, _ := strings.Cut(line, "=")
		if !strings.HasPrefix(name, Prefix) || exempt(name) {
			continue
		}
		key, ok := byName[name]
		if !ok {
			base, isFile := strings.CutSuffix(name, "_FILE")
			if key, ok = byName[base]; !ok || !isFile || leaves[key].field.Tag.Get("secret") != "true" {
				return fmt.Errorf("environment variable %s is no setting%s", name, hint(name, byName))
			}
			raw, err := os.ReadFile(value)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			value = strings.TrimSpace(strings.TrimPrefix(string(raw), "\ufeff"))
		}
		if other, twice := seen[key]; twice {
			return fmt.Errorf("%s is given twice, by %s and %s", key, other, name)
		}
		seen[key] = name
		if err := assign(leaves[key].value, value); err != nil {
			return fmt.Errorf("environment variable %s: %w", name, err)
		}
		l.sources[key] = FromEnv
	}
	return nil
}

// hint offers the known name that begins alike, for a typing mistake.
func hint[V any](name string, known map[string]V) string {
	best, length := "", 0
	for k := range known {
		n := 0
		for n < len(k) && n < len(name) && k[n] == name[n] {
			n++
		}
		if n > length || n == length && k < best {
			best, length = k, n
		}
	}
	if length < len(name)/2 {
		return ""
	}
	return fmt.Sprintf(" (did you mean %s?)", best)
}

// Check refuses values that make no sense. Whoever has Set some asks again.
func (l *Loaded) Check() error {
	for key, leaf := range l.leaves() {
		if enum := leaf.field.Tag.Get("enum"); enum != "" && !slices.Contains(strings.Split(enum, ","), leaf.value.String()) {
			return fmt.Errorf("%s: %q is none of %s", key, leaf.value.String(), strings.ReplaceAll(enum, ",", ", "))
		}
	}
	for _, kind := range l.Worker.Queues {
		if !slices.Contains([]string{"interactive", "background", "control"}, kind) {
			return fmt.Errorf("worker.queues: %q is none of interactive, background, control", kind)
		}
	}
	if len(l.Worker.Pools) == 0 {
		return fmt.Errorf("worker.pools: at least one")
	}
	if l.Proxy.EmptyPages < 1 {
		return fmt.Errorf("proxy.empty_pages: at least 1")
	}
	if l.Worker.Lease < 10*time.Second {
		return fmt.Errorf("worker.lease: not under 10s")
	}
	if l.Scheduler.Groups < 1 || l.Scheduler.Groups > 1000 {
		return fmt.Errorf("scheduler.groups: between 1 and 1000")
	}
	if l.Dev.Port != "auto" {
		if p, err := strconv.Atoi(l.Dev.Port); err != nil || p < 1024 || p > 65000 {
			return fmt.Errorf("dev.port: auto, or a number between 1024 and 65000")
		}
	}
	return nil
}

func assign(v reflect.Value, s string) error {
	if v.Type() == reflect.TypeFor[time.Duration]() {
		d, err := time.ParseDuration(s)
		if err != nil || d < 0 {
			return fmt.Errorf("%q is no duration (90s, 5m, 24h)", s)
		}
		v.SetInt(int64(d))
		return nil
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(s)
	case reflect.Bool:
		b, err := strconv.ParseBool(s)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", s)
		}
		v.SetBool(b)
	case reflect.Int:
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 {
			return fmt.Errorf("%q is no whole number", s)
		}
		v.SetInt(int64(n))
	case reflect.Slice:
		var list []string
		for part := range strings.SplitSeq(s, ",") {
			if part = strings.TrimSpace(part); part != "" {
				list = append(list, part)
			}
		}
		v.Set(reflect.ValueOf(list))
	default:
		return fmt.Errorf("settings of kind %s are not supported", v.Kind())
	}
	return nil
}

func text(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case time.Duration:
		return x.String()
	case []string:
		return strings.Join(x, ",")
	default:
		return fmt.Sprint(x)
	}
}

func sortedKeys(m map[string]leaf) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// DefaultFile is the settings file of the working folder, or "" if it has none.
func DefaultFile(fsys fs.FS) string {
	for _, name := range []string{"causeway.yaml", "causeway.yml"} {
		if info, err := fs.Stat(fsys, name); err == nil && info.Mode().IsRegular() {
			return name
		}
	}
	return ""
}
