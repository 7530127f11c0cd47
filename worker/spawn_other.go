//go:build !linux

package worker

import (
	"os"
	"syscall"
)

// thread starts processes. Without a signal at the parent's end it needs no thread of its own.
func (s *spawner) thread() {
	for job := range s.jobs {
		job()
	}
}

func attributes(uid int) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{}
	if os.Getuid() == 0 && uid > 0 {
		a.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}
	}
	return a
}

func closeInherited() error { return nil }

func socketPair() (ours, theirs *os.File, err error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		return nil, nil, err
	}
	for _, fd := range fds {
		syscall.CloseOnExec(fd)
	}
	if err := syscall.SetNonblock(fds[0], true); err != nil {
		return nil, nil, err
	}
	return os.NewFile(uintptr(fds[0]), "runner"), os.NewFile(uintptr(fds[1]), "worker"), nil
}

func executable(path, name string) (command, *os.File, error) {
	f, err := os.Open(path)
	return command{path: path, name: name}, f, err
}

func ourselves(args ...string) command {
	self, err := os.Executable()
	if err != nil {
		self = os.Args[0]
	}
	return command{path: self, args: args, name: "causeway"}
}

// residentBytes is not known here.
func residentBytes(int) int64 { return 0 }
