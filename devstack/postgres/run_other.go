//go:build !linux

package postgres

import (
	"context"
	"os/exec"
	"path/filepath"
	"syscall"
)

// runner starts programs of the server. Where there is no death signal, a killed parent leaves the server behind; the next
// start finds it by its lock file and says so.
type runner struct{ bin string }

func (r runner) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(r.bin, name), args...)
	cmd.Env = []string{"LC_ALL=C", "TZ=UTC", "PATH=/usr/bin:/bin"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

func (r runner) start(cmd *exec.Cmd) error { return cmd.Start() }
