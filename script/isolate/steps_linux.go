package isolate

import (
	"errors"
	"fmt"
	"unsafe"

	"github.com/landlock-lsm/go-landlock/landlock"
	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/psx"
)

func steps(o Options) []step {
	return []step{
		{ParentDeath, func() error { return unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0) }},
		{Limits, func() error { return limit(o.DataLimit) }},
		{NotDumpable, func() error { return unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) }},
		{Capabilities, dropCapabilities},
		{NoNewPrivs, func() error { return allThreads(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1) }},
		{Landlock, restrictPaths},
		{Seccomp, func() error { return filterCalls(o.Lenient) }},
	}
}

// limit sets the limits of the process. The number of threads is not limited: RLIMIT_NPROC counts those of all processes
// of the user.
func limit(data uint64) error {
	limits := []struct {
		name string
		what int
		n    uint64
	}{
		{"core", unix.RLIMIT_CORE, 0},
		{"fsize", unix.RLIMIT_FSIZE, 0},
		{"nofile", unix.RLIMIT_NOFILE, 16},
		{"memlock", unix.RLIMIT_MEMLOCK, 0},
		{"msgqueue", unix.RLIMIT_MSGQUEUE, 0},
		{"data", unix.RLIMIT_DATA, data}, // RLIMIT_AS is useless with Go, which reserves far more than it uses
	}
	for _, l := range limits {
		if l.what == unix.RLIMIT_DATA && data == 0 {
			continue
		}
		if err := unix.Setrlimit(l.what, &unix.Rlimit{Cur: l.n, Max: l.n}); err != nil {
			return fmt.Errorf("limit %s: %w", l.name, err)
		}
	}
	return nil
}

// allThreads makes a system call on every thread: a Go program has several before main, and these settings belong to a
// thread each.
func allThreads(call uintptr, args ...uintptr) error {
	var a [6]uintptr
	copy(a[:], args)
	if _, _, errno := psx.Syscall6(call, a[0], a[1], a[2], a[3], a[4], a[5]); errno != 0 {
		return errno
	}
	return nil
}

// dropCapabilities looks first: a change of user has taken them already, and a call on all threads can take milliseconds.
func dropCapabilities() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return fmt.Errorf("read capabilities: %w", err)
	}
	if data == [2]unix.CapUserData{} {
		return nil
	}
	data = [2]unix.CapUserData{}
	return allThreads(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&data[0]))) //nolint:gosec // the kernel's interface
}

// restrictPaths uses as much of Landlock as this kernel has.
func restrictPaths() error {
	if LandlockABI() < 1 {
		return errors.New("this kernel has no Landlock (5.13, and landlock in its list of security modules)")
	}
	return landlock.V8.BestEffort().Restrict()
}

// LandlockABI is the version of Landlock that the kernel offers; 0: none.
func LandlockABI() int {
	const version = 1 // LANDLOCK_CREATE_RULESET_VERSION
	n, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, version)
	if errno != 0 {
		return 0
	}
	return int(n)
}
