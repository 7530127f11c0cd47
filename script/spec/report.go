package spec

import (
	"fmt"
	"slices"
	"strings"
)

// Report is what a run of tests found; it is also the file that --json writes.
type Report struct {
	Version int         `json:"version"`
	Root    string      `json:"root"` // name of the project's folder
	Seconds float64     `json:"seconds"`
	Passed  int         `json:"passed"`
	Failed  int         `json:"failed"`
	Skipped int         `json:"skipped"`
	Tests   []Test      `json:"tests"` // by id
	Errors  []FileError `json:"errors"`
	Updated []string    `json:"updated"` // files that --update and snapshots wrote
	Warning string      `json:"-"`
}

// Test is one test's outcome.
type Test struct {
	ID          string   `json:"id"`
	File        string   `json:"file"`
	Name        string   `json:"name"`
	Integration string   `json:"integration"`
	Script      string   `json:"script,omitempty"` // as in syncs/issues
	Source      string   `json:"source"`           // file or fixture
	Status      string   `json:"status"`           // passed, failed, skipped, todo
	Ms          float64  `json:"ms"`
	Retries     int      `json:"retries"`
	Error       *Failure `json:"error,omitempty"`
}

// Failure is why a test failed. Kind: assertion, exception, unmatched, time_limit, memory, load, fixture.
type Failure struct {
	Kind    string `json:"kind"`
	Message string `json:"message"`
	Diff    string `json:"diff,omitempty"`
	Stack   string `json:"stack,omitempty"`
	File    string `json:"file,omitempty"` // the customer's
	Line    int    `json:"line,omitempty"`
}

// FileError is what went wrong outside of a test.
type FileError struct {
	File    string `json:"file"`
	Message string `json:"message"`
}

// OK says whether the run passed.
func (r *Report) OK() bool { return r.Failed == 0 && len(r.Errors) == 0 }

// Closing is the last line of a run.
func (r *Report) Closing() string {
	line := fmt.Sprintf("%d passed, %d failed", r.Passed, r.Failed)
	if r.Skipped > 0 {
		line += fmt.Sprintf(", %d skipped", r.Skipped)
	}
	return line
}

// finish sorts, numbers tests of the same name, and counts.
func (r *Report) finish() {
	seen := map[string]int{}
	for i := range r.Tests {
		t := &r.Tests[i]
		seen[t.ID]++
		if n := seen[t.ID]; n > 1 {
			t.ID = fmt.Sprintf("%s #%d", t.ID, n)
		}
		switch t.Status {
		case "passed":
			r.Passed++
		case "failed":
			r.Failed++
		default:
			r.Skipped++
		}
	}
	slices.SortStableFunc(r.Tests, func(a, b Test) int { return strings.Compare(a.ID, b.ID) })
	slices.SortStableFunc(r.Errors, func(a, b FileError) int { return strings.Compare(a.File, b.File) })
	slices.Sort(r.Updated)
	r.Updated = slices.Compact(r.Updated)
	if r.Errors == nil {
		r.Errors = []FileError{}
	}
	if r.Updated == nil {
		r.Updated = []string{}
	}
}

// Summary is a line for each integration.
func (r *Report) Summary() []string {
	type count struct{ passed, failed, skipped int }
	counts := map[string]*count{}
	var names []string
	for _, t := range r.Tests {
		c := counts[t.Integration]
		if c == nil {
			c = &count{}
			counts[t.Integration], names = c, append(names, t.Integration)
		}
		switch t.Status {
		case "passed":
			c.passed++
		case "failed":
			c.failed++
		default:
			c.skipped++
		}
	}
	slices.Sort(names)
	var out []string
	for _, n := range names {
		c := counts[n]
		line := fmt.Sprintf("%-4s %s: %d passed", map[bool]string{true: "ok", false: "FAIL"}[c.failed == 0], n, c.passed)
		if c.failed > 0 {
			line += fmt.Sprintf(", %d failed", c.failed)
		}
		if c.skipped > 0 {
			line += fmt.Sprintf(", %d skipped", c.skipped)
		}
		out = append(out, line)
	}
	return out
}

// Describe is a failed test for a person.
func (t *Test) Describe() string {
	var b strings.Builder
	fmt.Fprintf(&b, "FAIL %s\n", t.ID)
	e := t.Error
	if e == nil {
		return b.String()
	}
	for line := range strings.Lines(e.Message) {
		b.WriteString("     " + strings.TrimRight(line, "\n") + "\n")
	}
	if e.Diff != "" {
		b.WriteString("\n")
		for line := range strings.Lines(e.Diff) {
			b.WriteString("     " + strings.TrimRight(line, "\n") + "\n")
		}
	}
	if e.File != "" {
		fmt.Fprintf(&b, "     at %s:%d\n", e.File, e.Line)
	}
	return b.String()
}
