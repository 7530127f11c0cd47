//go:build !linux

package process

import "syscall"

// attributes: nothing tells a child here that this process was killed; it then has to be ended by hand.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{} }
