package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/causeway-dev/causeway/script"
	"github.com/causeway-dev/causeway/script/frame"
	"github.com/causeway-dev/causeway/script/wire"
)

// Limits of compile mode.
const (
	compileWithin = 30 * time.Second // a bundle
	compileMemory = 384              // MiB: 256 for the bundle, the rest for the program itself, which is a large one
	compileProcs  = 2
)

// Codes of a bundle that could not be compiled.
const (
	codeSecurityRejected = "deploy_script_security_rejected"
	codeFailedBuild      = "failed_to_build_unknown"
)

// Compile lowers bundles in a process of its own, which has no credentials: hostile text can end whatever parses it. The
// error is the platform's; a bundle's is in its result.
func (p *Pools) Compile(ctx context.Context, jobs []script.CompileJob) ([]script.CompileResult, error) {
	if !p.enter() {
		return nil, errors.New("compile bundles: the worker is stopping")
	}
	defer p.compiling.Done()
	results := make([]script.CompileResult, 0, len(jobs))
	for len(results) < len(jobs) {
		some, err := p.compileSome(ctx, jobs[len(results):])
		if err != nil {
			return nil, fmt.Errorf("compile %s: %w", jobs[len(results)].Name, err)
		}
		results = append(results, some...)
	}
	return results, nil
}

// enter makes sure that processes can be started until Done.
func (p *Pools) enter() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.compiling.Add(1)
	return true
}

// compiler is the command of compile mode; the file, if there is one, has to stay open until the process has started.
func (p *Pools) compiler() (command, *os.File, error) {
	of := p.opts.Compiler
	if len(of) == 0 {
		return ourselves("runner", "--compile"), nil, nil
	}
	c, f, err := executable(of[0], of[0])
	c.args = of[1:]
	return c, f, err
}

// compileSome compiles with one process, up to the first bundle that it dies of.
func (p *Pools) compileSome(ctx context.Context, jobs []script.CompileJob) ([]script.CompileResult, error) {
	o := p.runnerOptions()
	o.args[0] = fmt.Sprintf("--data=%d", compileMemory)
	o.procs, o.soft, o.maxBody, o.buffer = compileProcs, softLine(compileMemory<<20), wire.MaxCompileBody, 0
	c, program, err := p.compiler()
	if err != nil {
		return nil, err
	}
	proc, _, err := p.spawn(c, o)
	if program != nil {
		_ = program.Close()
	}
	if err != nil {
		return nil, err
	}
	defer proc.discard()
	stop := context.AfterFunc(ctx, proc.kill)
	defer stop()
	var results []script.CompileResult
	for i, job := range jobs {
		result, err := compileOne(proc, uint32(i+1), job)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err != nil {
			return nil, err
		}
		results = append(results, *result)
		if exited(proc) {
			break
		}
	}
	return results, nil
}

func exited(p *process) bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// compileOne has one bundle compiled. If the process dies of it, that is the result.
func compileOne(proc *process, id uint32, job script.CompileJob) (*script.CompileResult, error) {
	var late atomic.Bool
	limit := time.AfterFunc(compileWithin, func() { late.Store(true); proc.kill() })
	defer limit.Stop()
	meta, err := json.Marshal(job)
	if err != nil {
		return nil, err
	}
	proc.link.Open(id)
	sent := make(chan error, 1)
	go func() { sent <- proc.link.Send(frame.Message{Type: frame.Start, Run: id, Meta: meta, Body: job.Text}) }()
	m, err := proc.link.Receive() // while the bundle is being sent: its credit comes this way
	if err == nil {
		err = <-sent
	}
	if err == nil {
		var result script.CompileResult
		if result, err = decodeCompiled(m); err == nil {
			return &result, nil
		}
	}
	proc.kill()
	<-proc.exited
	switch said := proc.stderr.String(); {
	case late.Load():
		return &script.CompileResult{Code: codeFailedBuild, Message: fmt.Sprintf("compiling took longer than %s", compileWithin)}, nil
	case strings.Contains(said, "stack exceeds") || strings.Contains(said, "stack overflow"):
		return &script.CompileResult{Code: codeSecurityRejected, Message: "the script is nested too deeply"}, nil
	default:
		return &script.CompileResult{Code: codeFailedBuild, Message: "the compiler ended: the script needs more memory than there is, or is malformed"}, nil
	}
}

func decodeCompiled(m frame.Message) (script.CompileResult, error) {
	var c wire.Compiled
	if m.Type != frame.Result {
		return c.CompileResult, m.Violation("unexpected message")
	}
	if err := json.Unmarshal(m.Meta, &c); err != nil || c.Length < 0 || c.Length > len(m.Body) {
		return c.CompileResult, m.Violation("unreadable result")
	}
	r := c.CompileResult
	r.Message = wire.Clean(r.Message, wire.MaxText)
	if r.Code == "" {
		r.Lowered = m.Body[:c.Length:c.Length]
		if m := m.Body[c.Length:]; len(m) > 0 {
			r.SourceMap = m
		}
	}
	return r, nil
}
