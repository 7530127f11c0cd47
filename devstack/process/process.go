package process

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// Options say what is started.
type Options struct {
	Path string // the program
	Args []string
	Env  []string // added to this process's
	Dir  string   // its folder, which holds its output too
	// Ready says whether the server answers; it is asked until it does, the process ends, or the start's context is over.
	Ready func(ctx context.Context) error
}

// Process is a running child.
type Process struct {
	name    string
	cmd     *exec.Cmd
	started chan error
	exited  chan struct{}
}

// outputFile is where a child's output lies, in its folder.
const outputFile = "output.log"

const readyEvery = 50 * time.Millisecond

// Start starts a program and returns when it is ready.
func Start(ctx context.Context, o Options) (*Process, error) {
	name := filepath.Base(o.Path)
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, err
	}
	output, err := os.Create(filepath.Join(o.Dir, outputFile))
	if err != nil {
		return nil, err
	}
	defer func() { _ = output.Close() }()  // the child has its own
	cmd := exec.Command(o.Path, o.Args...) //nolint:noctx // it outlives its start
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.Env = o.Dir, output, output, append(os.Environ(), o.Env...)
	cmd.SysProcAttr = attributes()
	p := &Process{name: name, cmd: cmd, started: make(chan error), exited: make(chan struct{})}
	go p.run()
	if err := <-p.started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	if err := p.wait(ctx, o.Ready); err != nil {
		p.kill()
		return nil, fmt.Errorf("%s does not answer (its output is in %s): %w", name, output.Name(), err)
	}
	return p, nil
}

// run starts the child and waits for its end, on one thread: the child is told of the end of the thread that started it.
func (p *Process) run() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.cmd.Start()
	p.started <- err
	if err == nil {
		_ = p.cmd.Wait() // how it ended is in its output
	}
	close(p.exited)
}

func (p *Process) wait(ctx context.Context, ready func(context.Context) error) error {
	t := time.NewTicker(readyEvery)
	defer t.Stop()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.exited:
			return errors.New("it has ended")
		case <-ctx.Done():
			return err
		case <-t.C:
		}
	}
}

// Stop asks the child to end, and ends it when the context is over.
func (p *Process) Stop(ctx context.Context) error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // one that has ended needs none
	select {
	case <-p.exited:
		return nil
	case <-ctx.Done():
		p.kill()
		return fmt.Errorf("%s did not stop in time and was killed: %w", p.name, ctx.Err())
	}
}

func (p *Process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.exited
}

// Healthy says whether the health page of a server answers with 200.
func Healthy(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("health answers %s", resp.Status)
	}
	return nil
}

// FreePort is a port of the loopback address that nobody listens on.
func FreePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it is closed at once
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}
