package worker

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"

	"github.com/causeway-dev/causeway/script/isolate"
	"github.com/causeway-dev/causeway/script/wire"
)

// runnerOptions are those of a runner that runs scripts.
func (p *Pools) runnerOptions(more ...string) processOptions {
	args := []string{"--data=" + strconv.FormatInt(p.opts.Memory>>20, 10)}
	if p.opts.Isolation == IsolationOff {
		args = append(args, "--isolation=off")
	}
	if len(p.opts.Without) > 0 {
		args = append(args, "--without="+strings.Join(p.opts.Without, ","))
	}
	return processOptions{
		args: append(args, more...), procs: min(p.opts.Runs+2, maxProcs), soft: softLine(p.opts.Memory), maxBody: wire.MaxBody, buffer: buffered,
	}
}

// choose finds the runner program by starting one: the one that was named, the one beside us if it is of the same build,
// else ourselves.
func (p *Pools) choose() error {
	path, explicit := p.opts.Executable, p.opts.Executable != ""
	if !explicit {
		path = runnerBeside()
	}
	if path != "" {
		c, binary, err := executable(path, "causeway-runner")
		if err == nil {
			p.command, p.binary = c, binary
			err = p.probe()
		}
		if err == nil && !explicit && p.hello.Build != wire.Build() {
			err = fmt.Errorf("it is of another build (%s, not %s)", p.hello.Build, wire.Build())
		}
		if err == nil {
			return nil
		}
		if explicit {
			return fmt.Errorf("runner program %s: %w", path, err)
		}
		p.opts.Logger.Warn("the runner program beside this one can't be used; runners are this program itself", "program", path, "error", err)
	}
	p.command = ourselves("runner")
	return p.probe()
}

// probe starts a runner and keeps its hello.
func (p *Pools) probe() error {
	proc, hello, err := p.spawn(p.command, p.runnerOptions())
	if err != nil {
		return err
	}
	proc.discard()
	p.hello = hello
	return p.acceptable(hello)
}

// acceptable refuses a runner that has inherited what it must not have.
func (p *Pools) acceptable(h wire.Hello) error {
	if len(h.Unknown) > 0 {
		return fmt.Errorf("a runner has inherited descriptors: %s", strings.Join(h.Unknown, ", "))
	}
	return nil
}

// judge compares what is in force with what was asked for.
func (p *Pools) judge() error {
	var missing []string
	for _, s := range p.hello.Steps {
		if s.Err == "" {
			continue
		}
		if s.Name == isolate.Seccomp && p.opts.Isolation == IsolationRequire {
			return fmt.Errorf("runners.isolation is require, but the filter of system calls is not in force: %s", s.Err)
		}
		missing = append(missing, s.Name+": "+s.Err)
	}
	switch {
	case p.opts.Isolation == IsolationOff:
		p.opts.Logger.Warn("scripts run without isolation (runners.isolation is off)")
	case len(missing) > 0:
		p.opts.Logger.Warn("scripts run with less isolation than there could be", "missing", missing)
	}
	return nil
}

// Isolation is what is in force in this worker's runners.
func (p *Pools) Isolation() []Mechanism { return mechanisms(p.hello) }

// Report says how well scripts are fenced in on this system.
type Report struct {
	Program     string // that runners are
	UID         int    // of runners
	LandlockABI int    // 0: none
	Mechanisms  []Mechanism
	Attempts    []AttemptReport
}

// Mechanism is one step of isolation.
type Mechanism struct {
	Name   string
	Reason string // why it is not in force; empty: it is
}

// AttemptReport is how one way out of a runner ended.
type AttemptReport struct {
	Name    string
	Stopped bool
	Detail  string // the error, or how the process ended
}

func mechanisms(h wire.Hello) []Mechanism {
	out := make([]Mechanism, 0, len(h.Steps))
	for _, s := range h.Steps {
		out = append(out, Mechanism{s.Name, s.Err})
	}
	return out
}

// ProbeIsolation starts runners that try to get out, one attempt each, and reports.
func ProbeIsolation(ctx context.Context, o PoolOptions) (Report, error) {
	o.Isolation, o.Spares = IsolationBest, -1
	p, err := NewPools(o) //nolint:contextcheck // as its runners, it ends by Close
	if err != nil {
		return Report{}, err
	}
	report := Report{Program: p.command.name, UID: p.hello.UID, LandlockABI: p.hello.LandlockABI, Mechanisms: mechanisms(p.hello)}
	for _, name := range isolate.Attempts() {
		if ctx.Err() != nil {
			break
		}
		report.Attempts = append(report.Attempts, p.attempt(name))
	}
	return report, errors.Join(ctx.Err(), p.Close(ctx))
}

// attempt lets a runner of its own try a way out. Under the filter most of them end the process.
func (p *Pools) attempt(name string) AttemptReport {
	proc, err := p.spawner.start(p.command, p.runnerOptions("--attempt="+name))
	if err != nil {
		return AttemptReport{Name: name, Stopped: true, Detail: err.Error()}
	}
	defer proc.discard()
	m, err := proc.link.Receive()
	var hello wire.Hello
	if err == nil {
		hello, err = decodeHello(m)
	}
	if err != nil || hello.Attempt == nil {
		<-proc.exited
		status, ok := proc.cmd.ProcessState.Sys().(syscall.WaitStatus)
		// One that ended in any other way than by a signal has become another program.
		return AttemptReport{Name: name, Stopped: ok && status.Signaled(), Detail: proc.cmd.ProcessState.String()}
	}
	return AttemptReport{Name: name, Stopped: hello.Attempt.Err != "", Detail: hello.Attempt.Err}
}
