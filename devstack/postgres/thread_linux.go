package postgres

import (
	"os/exec"
	"runtime"
	"sync"
)

// The kernel sends the death signal when the *thread* that forked ends, not the process. So children are started from one
// goroutine that is locked to its thread for this process's life.
var launcher = sync.OnceValue(func() chan<- launch {
	c := make(chan launch)
	go func() {
		runtime.LockOSThread()
		for l := range c {
			l.done <- l.cmd.Start()
		}
	}()
	return c
})

type launch struct {
	cmd  *exec.Cmd
	done chan error
}

func startLocked(cmd *exec.Cmd) error {
	l := launch{cmd, make(chan error, 1)}
	launcher() <- l
	return <-l.done
}
