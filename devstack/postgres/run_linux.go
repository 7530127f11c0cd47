package postgres

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// runner starts programs of the server so that they die with this process and don't run as root.
type runner struct{ bin string }

func (r runner) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(r.bin, name), args...)
	cmd.Env = []string{"LC_ALL=C", "TZ=UTC", "PATH=/usr/bin:/bin"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT, Setpgid: true}
	return cmd
}

// start starts cmd. As root it does so in a user namespace, where the server sees an ordinary user and the files stay root's.
// That is no security boundary and not meant to be one: the server refuses to run as root, and that is all.
func (r runner) start(cmd *exec.Cmd) error {
	if os.Geteuid() != 0 {
		return startLocked(cmd)
	}
	const inside = 1000
	cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
	cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: inside, HostID: 0, Size: 1}}
	cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: inside, HostID: 0, Size: 1}}
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: inside, Gid: inside, NoSetGroups: true}
	err := startLocked(cmd)
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.ENOSPC) {
		return errors.Join(errors.New("postgres can't run as root, and user namespaces are forbidden here: run causeway as another user, or set dev.postgres to a postgres:// URL"), err)
	}
	return err
}
