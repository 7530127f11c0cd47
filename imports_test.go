package causeway_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "github.com/causeway-dev/causeway"

// mayImport is the table of docs/architecture.md: for each folder at the root, which others of ours it may import. A folder
// stands for all below it; "." is the root package, which everybody but itself may import. "*" is everything.
var mayImport = map[string][]string{
	".":            {},
	"migrations":   {},
	"egress":       {"."},
	"providers":    {".", "egress"},
	"storage":      {".", "migrations"},
	"auth":         {".", "providers", "egress"},
	"proxy":        {".", "providers", "egress", "auth"},
	"dispatch":     {".", "storage"},
	"script":       {"."},
	"host":         {".", "script", "proxy", "auth", "providers", "storage", "egress"},
	"activities":   {".", "migrations", "egress", "providers", "storage", "auth", "proxy", "dispatch", "script", "host"},
	"workflows":    {".", "activities"},
	"worker":       {".", "migrations", "egress", "providers", "storage", "auth", "proxy", "dispatch", "script", "host", "activities", "workflows"},
	"api":          {".", "dispatch", "auth", "proxy", "providers", "storage", "egress", "dashboard"},
	"dashboard":    {},
	"devstack":     {".", "storage", "migrations"},
	"config":       {"."},
	"cli":          {"*"},
	"cmd/causeway": {"cli"},
	// The runner is the child process: it gets nothing but its main loop and the engine.
	"cmd/causeway-runner": {"script"},
	"e2e":                 {"."},
	"bench":               {"."},
}

// fences say which folders may import a third-party package (and all below it).
var fences = map[string][]string{
	"github.com/dop251/goja":               {"script/realm", "script/modules", "script/compile", "script/engine"},
	"github.com/gin-gonic/gin":             {"api"},
	"go.temporal.io/server":                {"devstack"},
	"github.com/temporalio/ui-server":      {"devstack"},
	"go.temporal.io/sdk":                   {"workflows", "activities", "worker", "dispatch", "devstack", "cli"},
	"github.com/jackc/pgx":                 {"storage", "devstack"},
	"github.com/redis/go-redis":            {"storage", "devstack"},
	"gocloud.dev":                          {"storage", "devstack"},
	"github.com/evanw/esbuild":             {"script/compile"},
	"github.com/opensearch-project":        {"storage", "devstack"},
	"github.com/alicebob/miniredis":        {"devstack"},
	"github.com/landlock-lsm/go-landlock":  {"script/isolate"},
	"github.com/elastic/go-seccomp-bpf":    {"script/isolate"},
	"github.com/fergusstrange/embedded-po": {"devstack"},
}

// exceptions are single edges that the table doesn't know, each with its reason.
var exceptions = map[string]string{
	// A package of devstack must not import storage, or storage couldn't use it in its tests; the root of devstack may.
	"worker/workertest -> devstack/redis":        "the test server; no package of the product imports workertest",
	"storage/storagetest -> devstack/postgres":   "the test server; no package of the product imports storagetest",
	"script/modules/zod/build -> script/compile": "the build program bundles zod with the only package that may use esbuild",
}

type goPackage struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

func TestPackagesImportOnlyWhatTheTableAllows(t *testing.T) {
	packages := list(t, ".", "./...")
	require.NotEmpty(t, packages)
	assert.Empty(t, violations(packages))
}

func TestTheImportTableFindsAViolation(t *testing.T) {
	raw, err := os.ReadFile("testdata/imports/violation/packages.json")
	require.NoError(t, err)
	var packages []goPackage
	require.NoError(t, json.Unmarshal(raw, &packages))
	assert.Equal(t, []string{
		"egress must not import github.com/jackc/pgx/v5/pgxpool",
		"newfolder is not in the table of packages",
		"script/realm must not import storage",
		"workflows must not import storage",
	}, violations(packages))
}

func list(t *testing.T, dir string, patterns ...string) []goPackage {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Imports,TestImports,XTestImports"}, patterns...)...)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var packages []goPackage
	for d := json.NewDecoder(out); ; {
		var p goPackage
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		packages = append(packages, p)
	}
	require.NoError(t, cmd.Wait())
	return packages
}

func violations(packages []goPackage) []string {
	var out []string
	for _, p := range packages {
		from := local(p.ImportPath)
		if strings.Contains(from, "testdata") {
			continue
		}
		folder, known := owner(from)
		if !known {
			out = append(out, from+" is not in the table of packages")
			continue
		}
		for _, i := range p.Imports {
			if to, ours := strings.CutPrefix(i, module); ours {
				to = local(module + to)
				_, excepted := exceptions[from+" -> "+to]
				if !allowed(folder, to) && !excepted {
					out = append(out, from+" must not import "+to)
				}
				continue
			}
			for fenced, where := range fences {
				if strings.HasPrefix(i, fenced) && !slices.ContainsFunc(where, func(w string) bool { return below(from, w) }) {
					out = append(out, from+" must not import "+i)
				}
			}
		}
	}
	slices.Sort(out)
	return out
}

func local(importPath string) string {
	if importPath == module {
		return "."
	}
	return strings.TrimPrefix(importPath, module+"/")
}

// owner is the line of the table that a package belongs to.
func owner(p string) (string, bool) {
	for at := p; ; at = path.Dir(at) {
		if _, ok := mayImport[at]; ok && (at != "." || p == ".") {
			return at, true
		}
		if at == "." {
			return "", false
		}
	}
}

func allowed(folder, to string) bool {
	if folder != "." && below(to, folder) {
		return true
	}
	return slices.ContainsFunc(mayImport[folder], func(m string) bool { return m == "*" || m == to || m != "." && below(to, m) })
}

func below(p, folder string) bool { return p == folder || strings.HasPrefix(p, folder+"/") }
