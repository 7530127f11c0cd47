package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/causeway-dev/causeway/script/compile"
)

// kindOf names the kinds of scripts by the type of their definition.
var kindOf = map[string]string{"sync": "sync", "action": "action", "onEvent": "on-event"}

// buildProject checks and bundles a project, and says what is odd about it.
func buildProject(cmd *cobra.Command, dir string) (*compile.Project, error) {
	if err := refreshTypes(dir); err != nil {
		return nil, err
	}
	p, err := compile.Build(dir)
	if err != nil {
		return nil, err
	}
	if err := checkTypes(cmd, dir); err != nil {
		return nil, err
	}
	for _, w := range p.Warnings {
		_, _ = fmt.Fprintln(cmd.ErrOrStderr(), "warning:", w)
	}
	return p, nil
}

// checkTypes runs the project's own TypeScript over it. It is compiled unchecked where there is no TypeScript or no Node, or where the types
// of the script API are neither ours nor installed: types are for its authors, and nothing at run time depends on them.
func checkTypes(cmd *cobra.Command, dir string) error {
	tsc := findUp(dir, filepath.Join("node_modules", "typescript", "lib", "tsc.js"))
	node, _ := exec.LookPath("node") // "": there is none
	if tsc == "" || node == "" || !isFile(filepath.Join(dir, "tsconfig.json")) {
		return nil
	}
	ours, err := usesOurTypes(dir)
	if err != nil {
		return err
	}
	if !ours && findUp(dir, filepath.Join("node_modules", "nango", "package.json")) == "" {
		return nil
	}
	check := exec.CommandContext(cmd.Context(), node, tsc, "--noEmit", "--pretty", "false")
	check.Dir = dir
	out, err := check.CombinedOutput()
	if _, failed := errors.AsType[*exec.ExitError](err); failed {
		return fmt.Errorf("the types don't fit:\n%s", bytes.TrimSpace(out))
	}
	if err != nil {
		return fmt.Errorf("check the types with %s: %w", tsc, err)
	}
	return nil
}

// findUp looks for a file in a folder and in those above it; "" if there is none.
func findUp(dir, name string) string {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return ""
	}
	for {
		path := filepath.Join(dir, name)
		if isFile(path) {
			return path
		}
		up := filepath.Dir(dir)
		if up == dir {
			return ""
		}
		dir = up
	}
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// writeBuild writes the bundles and the definitions of a project, and takes away the bundles of scripts that are gone.
func writeBuild(p *compile.Project, dir string) error {
	keep := map[string]bool{}
	for _, s := range p.Scripts {
		keep[s.BundleName()] = true
		if err := writeFile(filepath.Join(dir, "build", s.BundleName()), s.JS); err != nil {
			return fmt.Errorf("write the bundle of %s: %w", s.File, err)
		}
	}
	old, err := os.ReadDir(filepath.Join(dir, "build"))
	if err != nil {
		return err
	}
	for _, entry := range old {
		if strings.HasSuffix(entry.Name(), ".cjs") && !keep[entry.Name()] {
			if err := os.Remove(filepath.Join(dir, "build", entry.Name())); err != nil {
				return err
			}
		}
	}
	definitions, err := p.NangoJSON()
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, ".causeway", "nango.json"), append(definitions, '\n'))
}
