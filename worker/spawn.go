package worker

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/causeway-dev/causeway/script/frame"
)

// command is how a runner process is started.
type command struct {
	path string // to execute; may lie in /proc
	args []string
	name string // for people
}

// processOptions are what one kind of runner process gets.
type processOptions struct {
	args    []string
	procs   int   // GOMAXPROCS
	soft    int64 // bytes of heap at which the collector works harder
	maxBody func(frame.Type, []byte) int
	buffer  int
}

// process is a child process with a connection to it.
type process struct {
	id     string
	cmd    *exec.Cmd
	link   *frame.Link
	stderr *firstLines
	exited chan struct{} // closed when it has ended and its last words were read
	err    error         // of Wait; set when exited is closed
}

// spawner starts processes, all from one thread: they get a signal when the thread that started them ends.
type spawner struct {
	jobs chan func()
	uid  int
	mu   sync.Mutex
	n    int
}

func newSpawner(uid int) (*spawner, error) {
	if err := closeInherited(); err != nil {
		return nil, err
	}
	s := &spawner{jobs: make(chan func()), uid: uid}
	go s.thread()
	return s, nil
}

func (s *spawner) close() { close(s.jobs) }

func (s *spawner) id() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	return strconv.Itoa(s.n)
}

// start starts a process with nothing but its socket and a pipe for its last words.
func (s *spawner) start(c command, o processOptions) (*process, error) {
	ours, theirs, err := socketPair()
	if err != nil {
		return nil, fmt.Errorf("socket for a runner: %w", err)
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("pipe for a runner: %w", err), ours.Close(), theirs.Close())
	}
	cmd := &exec.Cmd{
		Path: c.path, Args: append(append([]string{c.name}, c.args...), o.args...), Dir: "/", Stderr: write, ExtraFiles: []*os.File{theirs},
		Env: []string{
			"GOMAXPROCS=" + strconv.Itoa(o.procs), "GOGC=400", "GOMEMLIMIT=" + strconv.FormatInt(o.soft, 10),
			"TZ=UTC", "GOTRACEBACK=single",
		},
		SysProcAttr: attributes(s.uid),
	}
	started := make(chan error)
	s.jobs <- func() { started <- cmd.Start() }
	err = <-started
	_ = theirs.Close()
	_ = write.Close()
	if err != nil {
		_ = ours.Close()
		_ = read.Close()
		return nil, fmt.Errorf("start a runner (%s): %w", c.name, err)
	}
	p := &process{
		id: s.id(), cmd: cmd, stderr: &firstLines{}, exited: make(chan struct{}),
		link: frame.NewLink(ours, frame.Worker, frame.Options{MaxBody: o.maxBody, Buffer: o.buffer}),
	}
	go p.wait(read)
	return p, nil
}

// wait reads what the process says on its standard error to its end, and takes its status.
func (p *process) wait(stderr *os.File) {
	p.stderr.read(stderr)
	_ = stderr.Close()
	p.err = p.cmd.Wait()
	close(p.exited)
}

// kill ends the process at once; it may have ended before.
func (p *process) kill() { _ = p.cmd.Process.Kill() }

// firstLines keeps the beginning of what a process says on its standard error.
type firstLines struct {
	mu    sync.Mutex
	text  strings.Builder
	lines int
}

const (
	maxStderrLines = 20
	maxStderr      = 8 << 10
)

func (f *firstLines) read(r io.Reader) {
	b := bufio.NewReaderSize(r, 4<<10)
	for {
		line, err := b.ReadSlice('\n')
		f.add(line)
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

func (f *firstLines) add(line []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lines < maxStderrLines && f.text.Len() < maxStderr {
		f.text.Write(line[:min(len(line), maxStderr-f.text.Len())])
		f.lines++
	}
}

func (f *firstLines) String() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.ToValidUTF8(f.text.String(), "?")
}

// runnerBeside is the small runner program beside this executable; empty: there is none.
func runnerBeside() string {
	self, err := os.Executable()
	if err != nil {
		return ""
	}
	path := filepath.Join(filepath.Dir(self), "causeway-runner")
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return ""
	}
	return path
}
