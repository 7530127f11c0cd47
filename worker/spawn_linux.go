package worker

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// niceness of runners, so that their collectors don't crowd out the worker.
const niceness = 5

// thread is the one thread that starts processes. It lives as long as the spawner: when it ends, so do they.
func (s *spawner) thread() {
	runtime.LockOSThread() // never unlocked: the thread ends with this goroutine
	_ = unix.Setpriority(unix.PRIO_PROCESS, 0, niceness)
	for job := range s.jobs {
		job()
	}
}

// attributes: another user if we are root, and a signal at our end.
func attributes(uid int) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if os.Getuid() == 0 && uid > 0 {
		a.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}
	}
	return a
}

// closeInherited makes sure that no descriptor which this process has itself inherited goes on to its children. Go's own
// are marked already.
func closeInherited() error {
	if err := unix.CloseRange(3, ^uint(0)>>1, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return fmt.Errorf("mark inherited descriptors: %w", err)
	}
	return nil
}

func socketPair() (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	return os.NewFile(uintptr(fds[0]), "runner"), os.NewFile(uintptr(fds[1]), "worker"), nil
}

// executable opens a program so that another user can execute it although folders above it are closed to them.
func executable(path, name string) (command, *os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return command{}, nil, err
	}
	defer func() { _ = f.Close() }()
	const above = 64 // out of the way of the child's own descriptors
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, above)
	if err != nil {
		return command{}, nil, err
	}
	return command{path: "/proc/self/fd/" + strconv.Itoa(fd), name: name}, os.NewFile(uintptr(fd), path), nil
}

// ourselves is this program executed again.
func ourselves(args ...string) command {
	return command{path: "/proc/self/exe", args: args, name: "causeway"}
}

// residentBytes is how much memory a process has in use; 0: unknown.
func residentBytes(pid int) int64 {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(b))
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}
