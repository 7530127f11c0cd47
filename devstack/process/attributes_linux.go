package process

import "syscall"

// attributes: a group of its own, so that Ctrl-C reaches this process only, which then stops its children in order; and an end with this
// process however that ends.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
