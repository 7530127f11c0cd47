package storage_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// everywhere are the statements that look at rows of all environments, by the declaration that holds them. Each has its reason: who works
// for all environments, or a row that is found by something that only its owner knows.
var everywhere = map[string]string{
	"APIKey":            "the secret says whose it is",
	"write":             "keys that were used, by the ids that their own look-ups brought",
	"check":             "start-up: which instance key sealed the data keys",
	"loadInstance":      "the instance's own data keys",
	"RenewWorker":       "a worker's own runs, by its lease",
	"openDueSQL":        "a turn: a group of environments",
	"openDue":           "a turn",
	"turnLanesSQL":      "a turn",
	"toStart":           "a turn: what it admitted itself",
	"readPool":          "a turn: workers serve all environments",
	"OverdueRuns":       "reconciler",
	"RunsToRing":        "reconciler",
	"LanesWithRoom":     "reconciler",
	"LongRuns":          "reconciler",
	"UnfinishedDeploys": "reconciler",
	"expireOperations":  "upkeep of the logs",
	"OpenRuns":          "reconciler",
	"openOperations":    "reconciler",
	"StaleModels":       "upkeep of the records",
	"PruneAged":         "upkeep of the records",
	"operationPage":     "its conditions are put together, the environment's first",
	"messagePage":       "its conditions are put together, the environment's first",
}

// TestEveryStatementNamesItsEnvironment reads the statements of this package: one that touches a table of tenants says which environment's
// rows it means. A forgotten condition shows one customer another's data.
func TestEveryStatementNamesItsEnvironment(t *testing.T) {
	tenants := tenantTables(t)
	require.Contains(t, tenants, "run")
	names := make([]string, 0, len(tenants))
	for name := range tenants {
		names = append(names, name)
	}
	isStatement := regexp.MustCompile(`(?i)\bselect\b|\binsert into\b|\bdelete from\b|\bset\b`)
	touches := regexp.MustCompile(`(?i)\b(?:from|join|update|into)\s+(` + strings.Join(names, "|") + `)\b`)
	inserts := regexp.MustCompile(`(?i)insert into [\w\s]+\([^)]*environment_id|\(environment_id`)
	seen := map[string]bool{}
	for _, s := range statements(t) {
		if !isStatement.MatchString(s.text) || !touches.MatchString(s.text) || strings.Contains(s.text, "environment_id = ") || inserts.MatchString(s.text) {
			continue
		}
		seen[s.in] = true
		assert.Contains(t, everywhere, s.in, "a statement that names no environment:\n%s", s.text)
	}
	for in := range everywhere {
		assert.True(t, seen[in], "%s is on the list and needs not be", in)
	}
}

// tenantTables are the tables with an environment_id, from the migrations.
func tenantTables(t *testing.T) map[string]bool {
	t.Helper()
	control, err := os.ReadFile("../migrations/0001_control_plane.sql")
	require.NoError(t, err)
	records, err := os.ReadFile("../migrations/records/0001_records.sql")
	require.NoError(t, err)
	raw := string(control) + string(records)
	out := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?s)create table (\w+) \((.*?)\n\)`).FindAllStringSubmatch(raw, -1) {
		if strings.Contains(m[2], "environment_id") {
			out[m[1]] = true
		}
	}
	return out
}

type statement struct{ in, text string }

// statements are the texts of the package's files, with concatenations put together, and the declaration each is in.
func statements(t *testing.T) (all []statement) {
	t.Helper()
	entries, err := os.ReadDir(".")
	require.NoError(t, err)
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), e.Name(), nil, 0)
		require.NoError(t, err)
		for _, d := range f.Decls {
			in := e.Name()
			switch d := d.(type) {
			case *ast.FuncDecl:
				in = d.Name.Name
			case *ast.GenDecl:
				if len(d.Specs) == 1 {
					if v, ok := d.Specs[0].(*ast.ValueSpec); ok {
						in = v.Names[0].Name
					}
				}
			}
			ast.Inspect(d, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.BinaryExpr:
					if text := concatenated(n); text != "" {
						all = append(all, statement{in, text})
						return false
					}
				case *ast.BasicLit:
					if text := concatenated(n); text != "" {
						all = append(all, statement{in, text})
					}
				}
				return true
			})
		}
	}
	return all
}

func concatenated(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind == token.STRING {
			s, err := strconv.Unquote(e.Value)
			if err == nil {
				return s
			}
		}
	case *ast.BinaryExpr:
		if e.Op == token.ADD {
			return concatenated(e.X) + concatenated(e.Y)
		}
	}
	return ""
}
