// Command build fetches zod from the npm registry, as the lock file pins it, and makes what the binary embeds. It does nothing when what
// is there was made from the same lock file.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/causeway-dev/causeway/script/compile"
)

const folder = "script/modules/zod"

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "zod:", err)
		os.Exit(1)
	}
}

func run() error {
	lock, err := os.ReadFile(filepath.Join(folder, "package-lock.json"))
	if err != nil {
		return fmt.Errorf("run this in the repository's root: %w", err)
	}
	sum := sha256.Sum256(append(lock, compile.LibraryVersion...))
	stamp := hex.EncodeToString(sum[:])
	dist := filepath.Join(folder, "dist")
	if old, err := os.ReadFile(filepath.Join(dist, "STAMP")); err == nil && string(old) == stamp {
		return nil
	}
	fmt.Println("fetching zod …")
	npm := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent")
	npm.Dir, npm.Stdout, npm.Stderr = folder, os.Stdout, os.Stderr
	if err := npm.Run(); err != nil {
		return fmt.Errorf("npm ci: %w", err)
	}
	text, err := compile.Library(filepath.Join(folder, "node_modules", "zod", "index.js"))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dist, 0o750); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dist, "zod.cjs"), text, 0o600); err != nil {
		return err
	}
	if err := copyDeclarations(filepath.Join(folder, "node_modules", "zod"), dist); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dist, "STAMP"), []byte(stamp), 0o600) // last: its being there says that all is
}

// copyDeclarations takes the declarations of the current version along; those of versions 3 and mini are not offered.
func copyDeclarations(from, dist string) error {
	types := filepath.Join(dist, "types")
	if err := os.RemoveAll(types); err != nil {
		return err
	}
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if rel == "v3" || rel == "mini" || rel == "v4-mini" || rel == "src" || rel == "locales" || rel == filepath.Join("v4", "mini") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(rel, ".d.ts") {
			return nil
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		to := filepath.Join(types, rel)
		if err := os.MkdirAll(filepath.Dir(to), 0o750); err != nil {
			return err
		}
		return os.WriteFile(to, raw, 0o600)
	})
	if err != nil {
		return err
	}
	licence, err := os.ReadFile(filepath.Join(from, "LICENSE"))
	return errors.Join(err, os.WriteFile(filepath.Join(dist, "LICENSE"), licence, 0o600))
}
