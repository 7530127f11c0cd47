package cli

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/causeway-dev/causeway/script/modules/nango"
	"github.com/causeway-dev/causeway/script/modules/zod"
)

// template is the project that init makes.
//
//go:embed all:template
var template embed.FS

const nextSteps = `made %[1]s

Next, with causeway dev running:
  causeway integrations create demo --provider demo
  causeway connections create first --integration demo --api-key anything
  cd %[1]s
  causeway test
  causeway deploy
  causeway run create-task --integration demo --connection first --input '{"title":"write docs"}'
`

func newInit() *cobra.Command {
	return &cobra.Command{
		Use:   "init <folder>",
		Short: "Make a project with a sync and an action",
		Long:  "Makes a project that can be deployed as it is: a sync and an action for the demo API that causeway dev brings along, with types for editors.",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := initProject(args[0]); err != nil {
				return err
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), nextSteps, args[0])
			return err
		},
	}
}

// initProject writes the project into a folder that is empty or not there.
func initProject(dir string) error {
	inside, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("can't make a project in %s: %w", dir, err)
	}
	for _, entry := range inside {
		if entry.Name() != ".causeway" { // causeway dev may keep its state there
			return fmt.Errorf("%s is not empty: give the name of a new folder", dir)
		}
	}
	files, err := fs.Sub(template, "template")
	if err != nil {
		return err
	}
	if err := copyFiles(files, dir, func(name string) string {
		if name == "gitignore" { // under its own name git would obey it here
			return ".gitignore"
		}
		return name
	}); err != nil {
		return fmt.Errorf("make a project in %s: %w", dir, err)
	}
	return writeTypes(dir)
}

// typesFolder is where a project's tsconfig.json looks for our declarations. It is generated, and not committed with the project.
const typesFolder = ".causeway/types"

// writeTypes writes the declarations that editors and tsc read: those of the script API, and those of zod if this binary has them.
func writeTypes(dir string) error {
	types := filepath.Join(dir, filepath.FromSlash(typesFolder))
	for name, text := range map[string]string{"nango.d.ts": nango.Declarations, "globals.d.ts": nango.Globals} {
		if err := writeFile(filepath.Join(types, name), []byte(text)); err != nil {
			return fmt.Errorf("write the types of scripts: %w", err)
		}
	}
	declarations, ok := zod.Declarations()
	if !ok {
		return nil // deploying needs zod and says so; editors work without
	}
	if err := copyFiles(declarations, filepath.Join(types, "zod"), func(name string) string { return name }); err != nil {
		return fmt.Errorf("write the types of zod: %w", err)
	}
	return nil
}

// refreshTypes writes the declarations anew where a project uses them, so that a fresh clone and a newer binary both have the right ones.
func refreshTypes(dir string) error {
	ours, err := usesOurTypes(dir)
	if err != nil || !ours {
		return err
	}
	return writeTypes(dir)
}

// usesOurTypes says whether the project's tsconfig.json looks for our declarations.
func usesOurTypes(dir string) (bool, error) {
	raw, err := os.ReadFile(filepath.Join(dir, "tsconfig.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return strings.Contains(string(raw), typesFolder), err
}

func copyFiles(from fs.FS, to string, rename func(string) string) error {
	return fs.WalkDir(from, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(from, name)
		if err != nil {
			return err
		}
		return writeFile(filepath.Join(to, filepath.FromSlash(path.Join(path.Dir(name), rename(path.Base(name))))), text)
	})
}

// writeFile leaves a file alone that says the same already.
func writeFile(name string, text []byte) error {
	if old, err := os.ReadFile(name); err == nil && string(old) == string(text) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil { //nolint:gosec // the project's files are for whoever may read the project
		return err
	}
	return os.WriteFile(name, text, 0o644) //nolint:gosec // as above
}
