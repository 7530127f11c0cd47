package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	embedded "github.com/fergusstrange/embedded-postgres"
)

// EmbeddedVersion is the version that is fetched where the machine has none.
const (
	EmbeddedVersion = "18.6.0"
	embeddedMajor   = 18
	oldestMajor     = 15
)

// findBinaries returns the folder with initdb and postgres. The data directory decides: only its own major version opens it.
func findBinaries(ctx context.Context, as identity, o Options, major int) (string, error) {
	switch o.Source {
	case "", "auto":
		found := localBinaries(ctx)
		for _, b := range found {
			if major == 0 || b.major == major {
				return b.dir, nil
			}
		}
		if major != 0 && major != embeddedMajor {
			return "", fmt.Errorf("the database in %s was made by PostgreSQL %d, which this machine doesn't have: apt-get install postgresql-%d, or start empty with --reset", o.Dir, major, major)
		}
	case "embedded":
		if major != 0 && major != embeddedMajor {
			return "", fmt.Errorf("the database in %s was made by PostgreSQL %d, the embedded one is %d: set dev.postgres to auto, or start empty with --reset", o.Dir, major, embeddedMajor)
		}
	default:
		b, ok := binariesIn(ctx, o.Source)
		if !ok {
			return "", fmt.Errorf("dev.postgres: %s has no initdb and postgres of version %d or newer", o.Source, oldestMajor)
		}
		if major != 0 && b.major != major {
			return "", fmt.Errorf("the database in %s was made by PostgreSQL %d, the binaries in %s are %d", o.Dir, major, o.Source, b.major)
		}
		return b.dir, nil
	}
	return embeddedBinaries(ctx, as, o)
}

type binaries struct {
	dir   string
	major int
}

// localBinaries are what the machine has, the newest first.
func localBinaries(ctx context.Context) []binaries {
	var dirs []string
	if out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin", "/usr/local/opt/postgresql@*/bin"} {
		found, _ := filepath.Glob(pattern) // the patterns are well-formed
		dirs = append(dirs, found...)
	}
	var out []binaries
	for _, dir := range dirs {
		if b, ok := binariesIn(ctx, dir); ok {
			out = append(out, b)
		}
	}
	slices.SortStableFunc(out, func(a, b binaries) int { return b.major - a.major })
	return out
}

var versionText = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

func binariesIn(ctx context.Context, dir string) (binaries, bool) {
	for _, name := range []string{"initdb", "postgres"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || !info.Mode().IsRegular() {
			return binaries{}, false
		}
	}
	out, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return binaries{}, false
	}
	m := versionText.FindSubmatch(out)
	if m == nil {
		return binaries{}, false
	}
	major, err := strconv.Atoi(string(m[1]))
	return binaries{dir, major}, err == nil && major >= oldestMajor
}

// embeddedBinaries returns the fetched binaries; all checkouts of a user share them.
func embeddedBinaries(ctx context.Context, as identity, o Options) (string, error) {
	dir := filepath.Join(as.cacheDir(), "postgres-"+EmbeddedVersion)
	if _, ok := binariesIn(ctx, filepath.Join(dir, "bin")); ok {
		return filepath.Join(dir, "bin"), nil
	}
	missing := errors.New("no Postgres found: apt-get install postgresql, or set dev.postgres to a postgres:// URL")
	if o.Fetch == nil {
		return "", missing
	}
	if err := as.makeOwn(filepath.Dir(dir)); err != nil {
		return "", err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), "fetching")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	if err := as.give(tmp); err != nil {
		return "", err
	}
	if err := o.Fetch(ctx, tmp); err != nil {
		return "", errors.Join(missing, err)
	}
	if err := os.Rename(filepath.Join(tmp, "binaries"), dir); err != nil {
		if _, ok := binariesIn(ctx, filepath.Join(dir, "bin")); !ok { // else another process was faster
			return "", err
		}
	}
	return filepath.Join(dir, "bin"), nil
}

// userCache is the folder for what all checkouts of a user share.
func userCache() string {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	return filepath.Join(cache, "causeway")
}

// FetchEmbedded downloads, checks and unpacks the embedded binaries into a folder, by the library that knows where they are.
// It runs in a child process that is not root (FetchCommand), since it starts the server once.
func FetchEmbedded(into string) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	server := embedded.NewDatabase(embedded.DefaultConfig().
		Version(embedded.PostgresVersion(EmbeddedVersion)).
		CachePath(filepath.Join(into, "download")).
		BinariesPath(filepath.Join(into, "binaries")).
		RuntimePath(filepath.Join(into, "runtime")).
		DataPath(filepath.Join(into, "data")).
		Port(uint32(port)). //nolint:gosec // a port
		StartTimeout(time.Minute))
	if err := server.Start(); err != nil {
		return err
	}
	return server.Stop()
}

// FetchCommand makes a Fetch that runs a command, which has to call FetchEmbedded with its last argument, as another user
// where this one is root.
func FetchCommand(name string, args ...string) func(ctx context.Context, into string) error {
	return func(ctx context.Context, into string) error {
		as, err := chooseIdentity(ctx)
		if err != nil {
			return err
		}
		r := runner{as: as}
		cmd := r.command(ctx, name, append(slices.Clone(args), into)...)
		cmd.Env = append(os.Environ(), "LC_ALL=C")
		var out tailBuffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := r.start(cmd); err != nil {
			return err
		}
		if err := cmd.Wait(); err != nil {
			return fmt.Errorf("fetch PostgreSQL %s: %w: %s", EmbeddedVersion, err, out.last())
		}
		return nil
	}
}
