package isolate

import (
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// parent is taken before the filter forbids to ask.
var parent = os.Getppid()

// attempts are ways out of a runner. nil means that it worked.
var attempts = map[string]func() error{
	"tcp_socket":         func() error { return openSocket(unix.AF_INET, unix.SOCK_STREAM) },
	"unix_socket":        func() error { return openSocket(unix.AF_UNIX, unix.SOCK_STREAM) },
	"netlink_socket":     func() error { return openSocket(unix.AF_NETLINK, unix.SOCK_RAW) },
	"read_passwd":        func() error { return readFile("/etc/passwd") },
	"read_own_maps":      func() error { return readFile("/proc/self/maps") },
	"read_parent_env":    func() error { return readFile("/proc/" + strconv.Itoa(parent) + "/environ") },
	"list_root":          func() error { _, err := os.ReadDir("/"); return err },
	"write_tmp":          writeFile,
	"fork":               fork,
	"exec":               func() error { return syscall.Exec("/bin/true", []string{"true"}, nil) },
	"start_process":      startProcess,
	"ptrace_parent":      attach,
	"signal_parent":      func() error { return unix.Kill(parent, 0) },
	"executable_memory":  mapExecutable,
	"new_namespace":      func() error { return unix.Unshare(unix.CLONE_NEWUSER) },
	"raise_limit":        func() error { return unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 4096, Max: 4096}) },
	"io_uring":           setupRing,
	"environment":        readEnvironment,
	"work_goes_on":       work, // not a way out: has to succeed
	"anonymous_file":     func() error { fd, err := unix.MemfdCreate("x", 0); return closing(fd, err) },
	"process_descriptor": func() error { fd, err := unix.PidfdOpen(parent, 0); return closing(fd, err) },
}

// Attempts are the names of what a runner must not be able to do.
func Attempts() []string { return slices.Sorted(maps.Keys(attempts)) }

// Attempt tries one of them in this process. Under the filter it may end the process.
func Attempt(name string) error {
	try := attempts[name]
	if try == nil {
		return fmt.Errorf("there is no attempt %q", name)
	}
	return try()
}

func closing(fd int, err error) error {
	if err == nil {
		_ = unix.Close(fd)
	}
	return err
}

func openSocket(family, kind int) error {
	fd, err := unix.Socket(family, kind, 0)
	return closing(fd, err)
}

func readFile(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	_, err = f.Read(make([]byte, 1))
	_ = f.Close()
	return err
}

func writeFile() error {
	f, err := os.CreateTemp("/tmp", "causeway-attempt")
	if err != nil {
		return err
	}
	_ = f.Close()
	return os.Remove(f.Name())
}

func startProcess() error {
	p, err := os.StartProcess("/bin/true", []string{"true"}, &os.ProcAttr{})
	if err != nil {
		return err
	}
	_, err = p.Wait()
	return err
}

func fork() error {
	pid, _, errno := syscall.RawSyscall(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0)
	if errno != 0 {
		return errno
	}
	if pid == 0 {
		_, _, _ = syscall.RawSyscall(syscall.SYS_EXIT_GROUP, 0, 0, 0)
	}
	return nil
}

func attach() error {
	runtime.LockOSThread() // a tracer is a thread
	defer runtime.UnlockOSThread()
	if err := syscall.PtraceAttach(parent); err != nil {
		return err
	}
	_, _ = syscall.Wait4(parent, nil, syscall.WALL, nil)
	return syscall.PtraceDetach(parent)
}

func mapExecutable() error {
	_, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANON)
	return err
}

func setupRing() error {
	_, _, errno := syscall.RawSyscall(unix.SYS_IO_URING_SETUP, 1, 0, 0)
	if errno == syscall.EFAULT { // it got as far as reading the parameters
		return nil
	}
	return errno
}

// readEnvironment fails if there is nothing to be learnt from the environment.
func readEnvironment() error {
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		if !slices.Contains([]string{"GOMAXPROCS", "GOGC", "GOMEMLIMIT", "GOTRACEBACK", "TZ"}, name) {
			return nil
		}
	}
	return errors.New("the environment is empty")
}

// work is what a runner must still be able to do: threads, the collector, preemption, randomness, the clock.
func work() error {
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			runtime.LockOSThread()
			_ = unix.Nanosleep(&unix.Timespec{Nsec: 2e6}, nil)
		})
	}
	all.Wait()
	var keep [][]byte
	for range 100 {
		keep = append(keep, make([]byte, 1<<18))
	}
	runtime.GC()
	runtime.KeepAlive(keep)
	stop := time.Now().Add(20 * time.Millisecond)
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for time.Now().Before(stop) {
			}
		})
	}
	all.Wait()
	if _, err := rand.Read(make([]byte, 32)); err != nil {
		return err
	}
	_, err := time.LoadLocation("Europe/Berlin")
	return err
}
