//go:build !linux

package postgres

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// runner starts programs of the server. Where there is no death signal, a killed parent leaves the server behind; the next start meets
// its lock file, and the server says so.
type runner struct {
	bin string
	as  identity
}

// identity is this process's own user: there is no other way here.
type identity struct{}

func chooseIdentity(context.Context) (identity, error) {
	if os.Geteuid() == 0 {
		return identity{}, errors.New("postgres can't run as root: run causeway as another user, or set dev.postgres to a postgres:// URL")
	}
	return identity{}, nil
}

func (identity) place(dir string) (string, error) { return dir, nil }

func (identity) makeOwn(dir string) error { return os.MkdirAll(dir, 0o700) }

func (identity) give(string) error { return nil }

func (identity) cacheDir() string { return userCache() }

func (r runner) command(ctx context.Context, path string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = []string{"LC_ALL=C", "TZ=UTC", "PATH=/usr/bin:/bin"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

func (r runner) start(cmd *exec.Cmd) error { return cmd.Start() }

func serves(int, string) (yes, known bool) { return false, false }
