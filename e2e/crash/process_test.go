//go:build e2e

package crash

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is a program that is kept running, as a supervisor does: one that ends while it starts is started again. One that ends by
// itself after it was ready is a finding.
type process struct {
	name  string
	args  []string
	env   []string
	dir   string
	log   string
	ready func() bool
	found func(format string, args ...any)

	mu      sync.Mutex
	cmd     *exec.Cmd
	exited  chan struct{} // of cmd
	wasUp   bool          // cmd has been ready
	wanted  bool          // it is to run
	keeping sync.WaitGroup
}

// restartPause is how long a supervisor waits before it starts a program again that has ended.
const restartPause = 300 * time.Millisecond

// start starts the program and keeps it running until stop or kill.
func (p *process) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wanted = true
	return p.launch()
}

// launch needs the lock.
func (p *process) launch() error {
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }()
	fmt.Fprintf(out, "=== %s %s starts\n", time.Now().Format(time.RFC3339Nano), p.name)
	cmd := exec.Command(p.args[0], p.args[1:]...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = p.env, p.dir, out, out
	// A process group of its own, so that nothing of it outlives the test; and it ends with us however we end.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := startLocked(cmd); err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	exited := make(chan struct{})
	p.cmd, p.exited, p.wasUp = cmd, exited, false
	p.keeping.Go(func() { p.watch(cmd, exited) })
	return nil
}

// watch waits for the end of one start of the program.
func (p *process) watch(cmd *exec.Cmd, exited chan struct{}) {
	up := make(chan struct{})
	go func() { // ends with the process
		for {
			select {
			case <-exited:
				return
			case <-time.After(50 * time.Millisecond):
			}
			if p.ready() {
				close(up)
				return
			}
		}
	}()
	var err error
	ended := make(chan struct{})
	go func() { err = cmd.Wait(); close(ended) }()
	select {
	case <-up:
		p.mu.Lock()
		p.wasUp = true
		p.mu.Unlock()
		<-ended
	case <-ended:
	}
	close(exited)
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.wanted || p.cmd != cmd {
		return
	}
	if p.wasUp {
		p.found("%s ended by itself: %v\n%s", p.name, err, tailOf(p.log))
	}
	time.Sleep(restartPause)
	if err := p.launch(); err != nil {
		p.found("%v", err)
	}
}

// isUp says whether this start of the program has been ready.
func (p *process) isUp() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.wasUp
}

func (p *process) pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return 0
	}
	return p.cmd.Process.Pid
}

// kill ends the program without a word, with its whole process group, and waits for its end.
func (p *process) kill() {
	p.mu.Lock()
	p.wanted = false
	cmd, exited := p.cmd, p.exited
	p.mu.Unlock()
	if cmd == nil {
		return
	}
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	<-exited
}

// stop ends the program in order. It has to obey within the time and to end well.
func (p *process) stop(within time.Duration) error {
	p.mu.Lock()
	p.wanted = false
	cmd, exited := p.cmd, p.exited
	p.mu.Unlock()
	_ = cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-exited:
	case <-time.After(within):
		p.kill()
		return fmt.Errorf("%s did not stop within %s:\n%s", p.name, within, tailOf(p.log))
	}
	if !cmd.ProcessState.Success() {
		return fmt.Errorf("%s did not end well: %s\n%s", p.name, cmd.ProcessState, tailOf(p.log))
	}
	return nil
}

// runners are the runner processes of a worker, by their command lines.
func (p *process) runners() []int {
	var found []int
	for _, c := range children(p.pid()) {
		if strings.HasPrefix(c.command, "causeway-runner\x00") {
			found = append(found, c.pid)
		}
	}
	return found
}

type child struct {
	pid     int
	command string
}

// children are the processes below a process, one level deep.
func children(parent int) []child {
	var found []child
	paths, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		fields := strings.Fields(string(raw)[strings.LastIndexByte(string(raw), ')')+1:])
		if len(fields) < 2 || fields[1] != strconv.Itoa(parent) {
			continue
		}
		command, err := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
		pid, failed := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err == nil && failed == nil {
			found = append(found, child{pid, string(command)})
		}
	}
	return found
}

// launcher starts processes from a thread that never ends: the signal at the parent's death is sent when the starting thread ends.
var launcher = sync.OnceValue(func() chan<- func() {
	work := make(chan func())
	go func() {
		runtime.LockOSThread()
		for f := range work {
			f()
		}
	}()
	return work
})

func startLocked(cmd *exec.Cmd) error {
	done := make(chan error, 1)
	launcher() <- func() { done <- cmd.Start() }
	return <-done
}

func tailOf(path string) string {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}
