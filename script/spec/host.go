package spec

import (
	"crypto/sha1" //nolint:gosec // recordings are named by it
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/causeway-dev/causeway/script/realm"
)

// host is what the realm of one test file can ask for.
type host struct {
	run     *runner
	unit    unit
	began   time.Time
	results []Test
	errors  []FileError
	active  active
}

// active is the step of its plan that the framework is at: tests, or the hooks of a suite.
type active struct {
	At    int    `json:"at"`
	Kind  string `json:"kind"`
	Tests []struct {
		Name  string `json:"name"`
		Fails bool   `json:"fails"` // it is expected to
	} `json:"tests"`
}

// Call answers the framework. The names are those of env.call in js/.
func (h *host) Call(name string, args []string) (string, error) {
	arg := func(i int) string {
		if i < len(args) {
			return args[i]
		}
		return ""
	}
	switch name {
	case "resolve":
		return h.run.files.resolve(arg(0), arg(1))
	case "read":
		raw, err := h.run.files.read(arg(0))
		return strings.TrimPrefix(string(raw), "\ufeff"), err
	case "readBase64":
		raw, err := h.run.files.read(arg(0))
		return base64.StdEncoding.EncodeToString(raw), err
	case "stat", "list", "listJSON":
		return h.look(name, arg(0))
	case "sha1":
		sum := sha1.Sum([]byte(arg(0))) //nolint:gosec // as above
		return hex.EncodeToString(sum[:]), nil
	case "join":
		return filepath.ToSlash(filepath.Join(args...)), nil
	case "fixture":
		return h.fixture(arg(0), arg(1)), nil
	case "paginate":
		if h.run.options.Paginate == nil {
			return "", nil
		}
		return string(h.run.options.Paginate(arg(0))), nil
	case "now":
		return strconv.FormatInt(time.Since(h.began).Microseconds(), 10), nil
	case "elapsed":
		from, err := strconv.ParseInt(arg(0), 10, 64)
		return strconv.FormatFloat(float64(time.Since(h.began).Microseconds()-from)/1000, 'f', 1, 64), err
	case "print":
		h.run.print(h.unit, arg(0), arg(1))
		return "", nil
	default:
		return h.outcome(name, arg(0))
	}
}

// outcome takes what the framework reports.
func (h *host) outcome(name, arg string) (string, error) {
	switch name {
	case "select":
		return h.selected(arg)
	case "active":
		h.active = active{}
		return "", json.Unmarshal([]byte(arg), &h.active)
	case "result":
		var r result
		if err := json.Unmarshal([]byte(arg), &r); err != nil {
			return "", err
		}
		h.results = append(h.results, h.test(r))
		return "", nil
	case "fileError":
		var e Failure
		if err := json.Unmarshal([]byte(arg), &e); err != nil {
			return "", err
		}
		h.errors = append(h.errors, FileError{File: h.unit.shown, Message: e.Message})
		return "", nil
	case "snapshots":
		raw, err := os.ReadFile(h.snapshotFile())
		if err != nil {
			return "", nil //nolint:nilerr // none is stored yet
		}
		return string(raw), nil
	case "mayWriteSnapshot":
		if h.run.options.Update || arg == "new" && os.Getenv("CI") == "" {
			return "yes", nil
		}
		return "no", nil
	case "saveSnapshots":
		return "", h.saveSnapshots(arg)
	}
	return "", fmt.Errorf("there is no call %s", name)
}

func (h *host) snapshotFile() string {
	return filepath.Join(filepath.Dir(h.unit.path), "__snapshots__", filepath.Base(h.unit.path)+".snap")
}

func (h *host) saveSnapshots(text string) error {
	name := h.snapshotFile()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil { //nolint:gosec // the project's files are for whoever may read the project
		return err
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil { //nolint:gosec // as above
		return err
	}
	h.run.updated(h.run.files.shown(name))
	return nil
}

// selected says for each title whether it is to run, as a digit; "" for all.
func (h *host) selected(titles string) (string, error) {
	if h.run.options.Filter == nil {
		return "", nil
	}
	var names []string
	if err := json.Unmarshal([]byte(titles), &names); err != nil {
		return "", err
	}
	var out strings.Builder
	for _, n := range names {
		if h.run.options.Filter.MatchString(h.unit.shown + " :: " + n) {
			out.WriteByte('1')
		} else {
			out.WriteByte('0')
		}
	}
	return out.String(), nil
}

// look answers questions about files and folders of the project.
func (h *host) look(what, path string) (string, error) {
	if !h.run.files.inside(path) {
		return "", fmt.Errorf("EACCES: permission denied, open '%s': it lies outside of the project", path)
	}
	if what == "stat" {
		info, err := os.Stat(path)
		if err != nil {
			return "", asNode(err, "stat", path)
		}
		return toJSON(map[string]any{"size": info.Size(), "dir": info.IsDir()})
	}
	entries, err := os.ReadDir(path)
	if what == "listJSON" {
		if err != nil {
			return "null", nil //nolint:nilerr // there is no such folder, which is an answer
		}
		names := []string{}
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), ".json") {
				names = append(names, e.Name())
			}
		}
		return toJSON(names)
	}
	if err != nil {
		return "", asNode(err, "scandir", path)
	}
	list := []map[string]any{}
	for _, e := range entries {
		list = append(list, map[string]any{"name": e.Name(), "dir": isFolder(path, e)})
	}
	return toJSON(list)
}

func isFolder(dir string, e fs.DirEntry) bool {
	if e.Type()&fs.ModeSymlink == 0 {
		return e.IsDir()
	}
	info, err := os.Stat(filepath.Join(dir, e.Name()))
	return err == nil && info.IsDir()
}

func toJSON(v any) (string, error) {
	raw, err := json.Marshal(v)
	return string(raw), err
}

// fixture is the single file that a double reads: that of the running test file's name, if it is made for its folder, else that of the
// name it was made with; "" if there is neither.
func (h *host) fixture(dirname, name string) string {
	if base, ok := strings.CutSuffix(h.unit.path, ".test.ts"); ok && strings.Contains(filepath.ToSlash(h.unit.path), dirname) {
		if own := filepath.Join(dirname, filepath.Base(base)+fixtureSuffix); h.isFile(own) {
			return filepath.ToSlash(own)
		}
	}
	if named := filepath.Join(dirname, name+fixtureSuffix); h.isFile(named) {
		return filepath.ToSlash(named)
	}
	return ""
}

func (h *host) isFile(path string) bool {
	info, err := os.Stat(path)
	return h.run.files.inside(path) && err == nil && info.Mode().IsRegular()
}

// Load gives a module of the project; the unit's own may be one that was made of a fixture.
func (h *host) Load(path string) (*realm.Module, error) {
	load := h.run.files.load
	if h.unit.fixture && path == h.unit.path {
		load = func(path string) (*module, error) { return h.run.files.compiled(path, h.run.fixtureModule(h.unit)) }
	}
	m, err := load(path)
	if err != nil {
		return nil, err
	}
	return m.code, nil
}

// Unhandled keeps what belongs to no test; it fails the run.
func (h *host) Unhandled(text string) {
	h.errors = append(h.errors, FileError{File: h.unit.shown, Message: text})
}
