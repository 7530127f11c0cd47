package runner

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"github.com/causeway-dev/causeway/script/frame"
	"github.com/causeway-dev/causeway/script/isolate"
	"github.com/causeway-dev/causeway/script/wire"
)

// Exit codes of a runner.
const (
	exitFailed    = 1
	exitViolation = 3 // the worker doesn't keep to the protocol
)

// options are what the worker says on the command line; all else comes over the socket.
type options struct {
	isolation string // on, off
	without   []string
	data      uint64 // MiB of writable memory
	attempt   string
	lenient   bool
}

func parse(args []string) (options, error) {
	var o options
	var without string
	f := flag.NewFlagSet("causeway-runner", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&o.isolation, "isolation", "on", "on or off")
	f.StringVar(&without, "without", "", "steps of isolation to leave out")
	f.Uint64Var(&o.data, "data", 0, "MiB of writable memory; 0: no limit")
	f.StringVar(&o.attempt, "attempt", "", "try a way out, report and end")
	f.BoolVar(&o.lenient, "lenient", false, "refuse what otherwise ends the process")
	f.Bool("compile", false, "compile mode")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if without != "" {
		o.without = strings.Split(without, ",")
	}
	return o, nil
}

// Main is the whole of a runner process; it returns the exit code.
func Main(args []string) int { return MainWith(args, newRealm) }

// MainWith is Main with another engine.
func MainWith(args []string, engine func() (Engine, error)) int {
	return start(args, wire.MaxBody, func(l *frame.Link) error {
		e, err := engine()
		if err != nil {
			return err
		}
		return newServer(l, e).serve()
	})
}

// start isolates the process, says hello and serves until the socket closes.
func start(args []string, maxBody func(frame.Type, []byte) int, serve func(*frame.Link) error) int {
	o, err := parse(args)
	if err == nil {
		err = connect(o, maxBody, serve)
	}
	var v *frame.ViolationError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &v):
		fmt.Fprintln(os.Stderr, "the worker:", err)
		return exitViolation
	default:
		fmt.Fprintln(os.Stderr, "causeway-runner:", err)
		return exitFailed
	}
}

func connect(o options, maxBody func(frame.Type, []byte) int, serve func(*frame.Link) error) error {
	hello := wire.Hello{Build: wire.Build(), UID: os.Getuid(), LandlockABI: isolate.LandlockABI()} // neither can be asked later
	var err error
	if hello.Unknown, err = isolate.UnknownDescriptors(); err != nil {
		return err
	}
	conn, err := inherited()
	if err != nil {
		return err
	}
	without := o.without
	if o.isolation == "off" {
		without = []string{isolate.NotDumpable, isolate.Limits, isolate.Capabilities, isolate.NoNewPrivs, isolate.Landlock, isolate.Seccomp}
	}
	for _, s := range isolate.Apply(isolate.Options{Without: without, DataLimit: o.data << 20, Lenient: o.lenient}) {
		hello.Steps = append(hello.Steps, wire.Step(s))
	}
	if o.attempt != "" {
		hello.Attempt = &wire.Attempt{Name: o.attempt}
		if err := isolate.Attempt(o.attempt); err != nil {
			hello.Attempt.Err = err.Error()
		}
	}
	link := frame.NewLink(conn, frame.Runner, frame.Options{MaxBody: maxBody})
	meta, err := json.Marshal(hello)
	if err != nil {
		return err
	}
	if err := link.Send(frame.Message{Type: frame.Hello, Meta: meta}); err != nil {
		return err
	}
	if o.attempt != "" {
		return nil
	}
	if len(hello.Unknown) > 0 {
		return fmt.Errorf("descriptors that a runner must not have: %s", strings.Join(hello.Unknown, ", "))
	}
	err = serve(link)
	if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, frame.ErrClosed) {
		return nil // the worker has closed the socket: that is how a runner ends
	}
	return err
}

// inherited is the socket to the worker, descriptor 3.
func inherited() (*os.File, error) {
	const fd = 3
	if err := syscall.SetNonblock(fd, true); err != nil { // so that it is polled and doesn't hold threads
		return nil, fmt.Errorf("a runner is started by a worker, with a socket as descriptor 3: %w", err)
	}
	syscall.CloseOnExec(fd)
	return os.NewFile(fd, "worker"), nil
}
