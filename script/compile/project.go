package compile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	causeway "github.com/causeway-dev/causeway"
)

// Error is what is wrong with a project, for its author.
type Error struct {
	Code    string
	File    string // relative to the project
	Line    int    // 0: unknown
	Message string
}

func (e *Error) Error() string { return e.place() + e.Message + " [" + e.Code + "]" }

// place is where it is, with a colon after it; "" if that is not known.
func (e *Error) place() string {
	switch {
	case e.File == "":
		return ""
	case e.Line > 0:
		return fmt.Sprintf("%s:%d: ", e.File, e.Line)
	default:
		return e.File + ": "
	}
}

// Entry is one script of a project.
type Entry struct {
	File        string // relative, with slashes: "github/syncs/issues.ts"
	Integration string
	Folder      string // syncs, actions or on-events
	Name        string
}

// entryLine is a line of index.ts that names an entry: an import without bindings of a relative path.
var entryLine = regexp.MustCompile(`^\s*import\s+(?:'(\./[^']+)'|"(\./[^"]+)")\s*;?\s*(?://.*)?$`)

// Entries reads index.ts of a project. Its text is scanned, not run.
func Entries(dir string) ([]Entry, error) {
	raw, err := os.ReadFile(filepath.Join(dir, "index.ts"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &Error{Code: "no_index", File: "index.ts", Message: "there is no index.ts here: run this in a project (causeway init makes one)"}
	}
	if err != nil {
		return nil, err
	}
	var out []Entry
	seen := map[string]bool{}
	for n, line := range strings.Split(string(raw), "\n") {
		m := entryLine.FindStringSubmatch(strings.TrimRight(line, "\r"))
		if m == nil {
			continue
		}
		e, err := entry(dir, m[1]+m[2])
		if err != nil {
			err.File, err.Line = "index.ts", n+1
			return nil, err
		}
		if !seen[e.File] {
			seen[e.File] = true
			out = append(out, e)
		}
	}
	if len(out) == 0 {
		return nil, &Error{Code: "no_entries", File: "index.ts", Message: "it imports no script: add a line as in import './github/syncs/issues.js';"}
	}
	return out, nil
}

func entry(dir, imported string) (Entry, *Error) {
	if strings.Contains(imported, `\`) {
		return Entry{}, &Error{Code: "invalid_entry", Message: fmt.Sprintf("%s: write slashes", imported)}
	}
	file := path.Clean(strings.TrimSuffix(strings.TrimSuffix(imported, ".js"), ".ts") + ".ts")
	parts := strings.Split(file, "/")
	if strings.HasPrefix(file, "../") || len(parts) < 2 {
		return Entry{}, &Error{Code: "invalid_entry", Message: fmt.Sprintf("%s: a script lies in <integration>/syncs, <integration>/actions or <integration>/on-events", imported)}
	}
	e := Entry{File: file, Integration: parts[0], Name: strings.TrimSuffix(parts[len(parts)-1], ".ts")}
	if len(parts) > 2 {
		e.Folder = parts[len(parts)-2]
	}
	if !causeway.ValidFunctionName(e.Name) {
		return Entry{}, &Error{Code: "invalid_entry", Message: fmt.Sprintf("%s: a script's name has letters, digits, - and _", imported)}
	}
	if info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(file))); err != nil || !info.Mode().IsRegular() { //nolint:gosec // file was checked: it lies below dir
		return Entry{}, &Error{Code: "missing_file", Message: fmt.Sprintf("%s: there is no file %s", imported, file)}
	}
	return e, nil
}
