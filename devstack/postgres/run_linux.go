package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// runner starts programs of the server so that they die with this process and don't run as root, which they refuse.
type runner struct {
	bin string
	as  identity
}

// identity is who a program runs as. The zero value is this process's own user.
type identity struct {
	// namespace: root outside, an ordinary user inside of a user namespace; the files stay root's, in any folder. That is no security
	// boundary and not meant to be one.
	namespace bool
	user      *syscall.Credential // another user, where namespaces are forbidden (as in many containers)
}

// inNamespace is the user that the server sees.
const inNamespace = 1000

// chooseIdentity finds a way in which this process may run the server. As root that is a user namespace, else another user.
func chooseIdentity(ctx context.Context) (identity, error) {
	if os.Geteuid() != 0 {
		return identity{}, nil
	}
	probe := runner{as: identity{namespace: true}}
	path, err := exec.LookPath("true")
	if err != nil {
		return probe.as, nil //nolint:nilerr // nothing to try with: its own start will tell
	}
	cmd := probe.command(ctx, path)
	if err := probe.start(cmd); err == nil && cmd.Wait() == nil {
		return probe.as, nil
	}
	return otherUser()
}

func otherUser() (identity, error) {
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			return identity{}, err
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			return identity{}, err
		}
		return identity{user: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid), NoSetGroups: false}}, nil
	}
	return identity{}, errors.New("postgres can't run as root, user namespaces are forbidden here, and there is no user postgres or nobody: run causeway as another user, or set dev.postgres to a postgres:// URL")
}

// elsewhere is where the data of another user lies: folders above it have to be open to that user, and those of root are not.
const elsewhere = "/var/lib/causeway-dev"

// place returns the folder that the server really uses for the data directory dir. For another user that is one of its own, and dir
// becomes a link to it.
func (i identity) place(dir string) (string, error) {
	if i.user == nil {
		return dir, nil
	}
	h := sha256.Sum256([]byte(dir))
	own := filepath.Join(elsewhere, hex.EncodeToString(h[:8]))
	if err := i.makeOwn(own); err != nil {
		return "", err
	}
	real := filepath.Join(own, "data")
	switch target, err := os.Readlink(dir); {
	case err == nil && target == real:
		return real, nil
	case errors.Is(err, fs.ErrNotExist):
		// What an earlier folder of the same name had left there isn't this one's.
		if err := os.RemoveAll(real); err != nil {
			return "", err
		}
		return real, os.Symlink(real, dir)
	default:
		return "", fmt.Errorf("%s was made by another way of starting postgres than is possible here: move it away, or start empty with --reset", dir)
	}
}

// makeOwn makes a folder that belongs to the identity's user.
func (i identity) makeOwn(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil { //nolint:gosec // the other user has to pass
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil || i.user == nil {
		return err
	}
	return os.Chown(dir, int(i.user.Uid), int(i.user.Gid))
}

// give hands a file over to the identity's user.
func (i identity) give(file string) error {
	if i.user == nil {
		return nil
	}
	return os.Chown(file, int(i.user.Uid), int(i.user.Gid))
}

// cacheDir is where fetched binaries lie.
func (i identity) cacheDir() string {
	if i.user != nil {
		return elsewhere
	}
	return userCache()
}

func (r runner) command(ctx context.Context, path string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = []string{"LC_ALL=C", "TZ=UTC", "PATH=/usr/bin:/bin"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT, Setpgid: true}
	if r.as.namespace {
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: inNamespace, HostID: 0, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: inNamespace, HostID: 0, Size: 1}}
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: inNamespace, Gid: inNamespace, NoSetGroups: true}
	}
	if r.as.user != nil {
		cmd.SysProcAttr.Credential = r.as.user
		cmd.Dir = "/" // this process's own folder may be closed to that user
	}
	return cmd
}

func (r runner) start(cmd *exec.Cmd) error { return startLocked(cmd) }

// serves says whether process pid is a server on the data directory; known: that can be told here.
func serves(pid int, dir string) (yes, known bool) {
	command, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return err == nil && hasArgument(command, dir), true
}
