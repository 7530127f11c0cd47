package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
)

const (
	modulePath = "github.com/dop251/goja"
	patchesDir = "script/engine/patches"
	buildDir   = ".build"
	copyDir    = buildDir + "/goja"
	stampFile  = buildDir + "/goja.stamp"
	workFile   = "go.work"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, "."); err != nil {
		fmt.Fprintln(os.Stderr, "the script engine could not be patched:", err)
		os.Exit(1) //nolint:gocritic // nothing is left to stop
	}
}

// run brings the copy in a repository up to date.
func run(ctx context.Context, root string) error {
	module, err := download(ctx, root)
	if err != nil {
		return err
	}
	patches, err := readPatches(filepath.Join(root, patchesDir))
	if err != nil {
		return err
	}
	stamp := patches.stamp(module)
	if current(root, stamp) {
		return nil
	}
	// While it is half done, no go.work may point at it.
	if err := removeAll(filepath.Join(root, workFile), filepath.Join(root, stampFile), filepath.Join(root, copyDir)); err != nil {
		return err
	}
	if err := copyModule(module.Dir, filepath.Join(root, copyDir)); err != nil {
		return fmt.Errorf("copy %s: %w", module.Dir, err)
	}
	for _, p := range patches {
		if err := apply(ctx, filepath.Join(root, copyDir), p); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(root, stampFile), []byte(stamp), 0o600); err != nil {
		return err
	}
	return writeWork(ctx, root)
}

// module is what the go command says of a module in its cache.
type module struct{ Path, Version, Dir, Sum, GoVersion, Error string }

// download makes sure that the pinned module is in the cache; its checksum is that of go.sum.
func download(ctx context.Context, root string) (*module, error) {
	version, err := goCommand(ctx, root, "list", "-m", "-f", "{{.Version}}", modulePath)
	if err != nil {
		return nil, err
	}
	out, err := goCommand(ctx, root, "mod", "download", "-json", modulePath+"@"+strings.TrimSpace(version))
	if err != nil {
		return nil, err
	}
	m := &module{}
	if err := json.Unmarshal([]byte(out), m); err != nil {
		return nil, fmt.Errorf("read what go mod download says: %w", err)
	}
	if m.Dir == "" {
		return nil, fmt.Errorf("%s is not in the module cache: %s", modulePath, m.Error)
	}
	return m, nil
}

// goCommand runs the go command without a go.work, which this program may be about to write.
func goCommand(ctx context.Context, root string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...) //nolint:gosec // our own arguments
	cmd.Dir, cmd.Env = root, append(os.Environ(), "GOWORK=off")
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w%s", strings.Join(args, " "), err, stderrOf(err))
	}
	return string(out), nil
}

func stderrOf(err error) string {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && len(exit.Stderr) > 0 {
		return ": " + strings.TrimSpace(string(exit.Stderr))
	}
	return ""
}

type patch struct {
	name string
	text []byte
}

type patchList []patch

// readPatches reads the patches in the order in which they are applied.
func readPatches(dir string) (patchList, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.patch"))
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("there are no patches in %s: run this at the root of the repository", dir)
	}
	slices.Sort(names)
	var all patchList
	for _, name := range names {
		text, err := os.ReadFile(name) //nolint:gosec // found by us
		if err != nil {
			return nil, err
		}
		all = append(all, patch{name: filepath.Base(name), text: text})
	}
	return all, nil
}

// stamp identifies a patched copy.
func (l patchList) stamp(m *module) string {
	sum := sha256.New()
	fmt.Fprintln(sum, m.Version, m.Sum)
	for _, p := range l {
		fmt.Fprintln(sum, p.name, len(p.text))
		sum.Write(p.text)
	}
	return m.Version + " " + hex.EncodeToString(sum.Sum(nil)) + "\n"
}

func current(root, stamp string) bool {
	old, err := os.ReadFile(filepath.Join(root, stampFile)) //nolint:gosec // below the root
	if err != nil || string(old) != stamp {
		return false
	}
	for _, name := range []string{workFile, copyDir + "/go.mod"} {
		if _, err := os.Stat(filepath.Join(root, name)); err != nil {
			return false
		}
	}
	return true
}

func removeAll(paths ...string) error {
	for _, p := range paths {
		if err := os.RemoveAll(p); err != nil {
			return err
		}
	}
	return nil
}

// copyModule copies a module out of the cache, where its files are read-only.
func copyModule(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		if d.IsDir() {
			return os.MkdirAll(target, 0o750)
		}
		text, err := os.ReadFile(path) //nolint:gosec // of the cache
		if err != nil {
			return err
		}
		return os.WriteFile(target, text, 0o600) //nolint:gosec // below the folder that we made
	})
}

// apply applies one patch, wholly or not at all. git looks for a repository above the folder and would leave out what lies outside of its
// index: it is told that there is none.
func apply(ctx context.Context, dir string, p patch) error {
	cmd := exec.CommandContext(ctx, "git", "apply", "--whitespace=nowarn", "-")
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(string(p.text))
	cmd.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(absolute(dir)))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s doesn't fit: %w: %s", p.name, err, strings.TrimSpace(string(out)))
	}
	return nil
}

func absolute(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	return abs
}

// writeWork writes go.work last: it is what makes the copy count. Its go version is that of go.mod.
func writeWork(ctx context.Context, root string) error {
	version, err := goCommand(ctx, root, "list", "-m", "-f", "{{.GoVersion}}")
	if err != nil {
		return err
	}
	text := fmt.Sprintf("// Written by script/engine; not committed.\ngo %s\n\nuse (\n\t.\n\t./%s\n)\n", strings.TrimSpace(version), copyDir)
	return os.WriteFile(filepath.Join(root, workFile), []byte(text), 0o600)
}
