package postgres

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// Options say which binaries are used and where the data lies.
type Options struct {
	Dir      string // data directory; made if it isn't there
	Port     int    // 0: a free one
	Source   string // "auto" (or empty), "embedded", or a folder of binaries
	FastDisk bool   // no fsync: for tests, and for people who accept that a power cut destroys the state
	// Fetch gets the embedded binaries into a folder; nil: they are not fetched.
	Fetch func(ctx context.Context, into string) error
}

// Server is a running server.
type Server struct {
	port     int
	password string
	cmd      *exec.Cmd
	exited   chan struct{}
	exitErr  error
	output   *tailBuffer
}

// Start initialises the data directory if need be, starts the server, and returns when it answers.
func Start(ctx context.Context, o Options) (*Server, error) {
	as, err := chooseIdentity(ctx)
	if err != nil {
		return nil, err
	}
	return startAs(ctx, as, o)
}

func startAs(ctx context.Context, as identity, o Options) (*Server, error) {
	if err := os.MkdirAll(filepath.Dir(o.Dir), 0o700); err != nil {
		return nil, err
	}
	password := o.Dir + ".password"
	dir, err := as.place(o.Dir)
	if err != nil {
		return nil, err
	}
	o.Dir = dir
	major, err := dataMajor(o.Dir)
	if err != nil {
		return nil, err
	}
	bin, err := findBinaries(ctx, as, o, major)
	if err != nil {
		return nil, err
	}
	run := runner{bin: bin, as: as}
	if major == 0 {
		if err := run.initialise(ctx, o.Dir, password); err != nil {
			return nil, err
		}
	}
	secret, err := os.ReadFile(password)
	if err != nil {
		return nil, fmt.Errorf("the database in %s is damaged: its password is gone: %w", o.Dir, err)
	}
	if err := clearStale(ctx, o.Dir); err != nil {
		return nil, err
	}
	if o.Port == 0 {
		if o.Port, err = freePort(); err != nil {
			return nil, err
		}
	}
	s := &Server{port: o.Port, password: strings.TrimSpace(string(secret)), exited: make(chan struct{}), output: &tailBuffer{}}
	if err := s.launch(run, o); err != nil { //nolint:contextcheck // the server outlives its start
		return nil, err
	}
	if err := s.ready(ctx); err != nil {
		s.kill()
		return nil, err
	}
	return s, nil
}

// URL is the address of a database of the server.
func (s *Server) URL(database string) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword("postgres", s.password), Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)), Path: "/" + database, RawQuery: "sslmode=disable"}
	return u.String()
}

// CreateDatabase makes a database unless it is there.
func (s *Server) CreateDatabase(ctx context.Context, name string) error {
	conn, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	var there bool
	if err := conn.QueryRow(ctx, `select exists (select from pg_database where datname = $1)`, name).Scan(&there); err != nil || there {
		return err
	}
	_, err = conn.Exec(ctx, "create database "+pgx.Identifier{name}.Sanitize())
	return err
}

// Stop ends the server in order: open transactions are rolled back, and nothing has to be recovered at the next start.
func (s *Server) Stop(ctx context.Context) error {
	_ = s.cmd.Process.Signal(syscall.SIGINT) // fast shutdown
	select {
	case <-s.exited:
		return nil
	case <-ctx.Done():
		s.kill()
		return fmt.Errorf("postgres did not stop in time and was killed: %w", ctx.Err())
	}
}

func (s *Server) kill() {
	_ = s.cmd.Process.Signal(syscall.SIGQUIT) // immediate shutdown, which takes the children along
	select {
	case <-s.exited:
	case <-time.After(5 * time.Second):
		_ = s.cmd.Process.Kill()
		<-s.exited
	}
}

func (s *Server) launch(run runner, o Options) error {
	args := []string{
		"-D", o.Dir, "-p", strconv.Itoa(o.Port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
		"-c", "max_connections=200", "-c", "shared_buffers=128MB", "-c", "max_wal_size=2GB", "-c", "log_min_messages=warning",
	}
	if o.FastDisk {
		args = append(args, "-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off")
	}
	s.cmd = run.command(context.Background(), filepath.Join(run.bin, "postgres"), args...)
	s.cmd.Stdout, s.cmd.Stderr = s.output, s.output
	if err := run.start(s.cmd); err != nil {
		return fmt.Errorf("start postgres: %w", err)
	}
	go func() {
		s.exitErr = s.cmd.Wait()
		close(s.exited)
	}()
	return nil
}

// ready polls until the server answers a query, and watches whether it still lives.
func (s *Server) ready(ctx context.Context) error {
	t := time.NewTicker(10 * time.Millisecond)
	defer t.Stop()
	for {
		if conn, err := pgx.Connect(ctx, s.URL("postgres")); err == nil {
			var one int
			err = conn.QueryRow(ctx, "select 1").Scan(&one)
			_ = conn.Close(ctx)
			if err == nil {
				return nil
			}
		}
		select {
		case <-s.exited:
			return fmt.Errorf("postgres ended (%w): %s", s.exitErr, s.output.last())
		case <-ctx.Done():
			return fmt.Errorf("postgres does not answer: %w: %s", context.Cause(ctx), s.output.last())
		case <-t.C:
		}
	}
}

// dataMajor is the major version that made the data directory; 0: there is none.
func dataMajor(dir string) (int, error) {
	raw, err := os.ReadFile(filepath.Join(dir, "PG_VERSION"))
	if errors.Is(err, fs.ErrNotExist) {
		if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
			return 0, fmt.Errorf("%s holds something that is no database: move it away, or start empty with --reset", dir)
		}
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	if err != nil {
		return 0, fmt.Errorf("the database in %s is damaged (PG_VERSION): start empty with --reset", dir)
	}
	return major, nil
}

// clearStale ends a server that was left behind by a killed parent, and removes the lock file of one that is gone. In a user namespace
// the server can't tell by the number in it, which may be another process's by now.
func clearStale(ctx context.Context, dir string) error {
	path := filepath.Join(dir, "postmaster.pid")
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil //nolint:nilerr // no lock file: nothing to clear
	}
	first, _, _ := strings.Cut(string(raw), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil || pid <= 1 {
		return os.Remove(path)
	}
	t := time.NewTicker(10 * time.Millisecond)
	defer t.Stop()
	limit := time.NewTimer(10 * time.Second)
	defer limit.Stop()
	for asked := false; ; asked = true {
		yes, known := serves(pid, dir)
		if !known {
			return nil // the server judges its lock file itself
		}
		if !yes {
			if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			return nil
		}
		if process, err := os.FindProcess(pid); err == nil && !asked {
			_ = process.Signal(syscall.SIGINT) // fast shutdown
		}
		select {
		case <-t.C:
		case <-limit.C:
			return fmt.Errorf("a server (process %d) still uses %s and does not stop", pid, dir)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// hasArgument says whether a command line, as the kernel shows it, has an argument.
func hasArgument(command []byte, argument string) bool {
	for part := range bytes.SplitSeq(command, []byte{0}) {
		if string(part) == argument {
			return true
		}
	}
	return false
}

// initialise makes the data directory. The sort order is C: one that comes from a library would make indexes wrong when the
// binaries change.
func (r runner) initialise(ctx context.Context, dir, password string) error {
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails
	secret := []byte(hex.EncodeToString(random[:]) + "\n")
	if err := os.WriteFile(password, secret, 0o600); err != nil {
		return err
	}
	given := dir + ".initial" // the file of the password itself may lie where the server's user can't go
	if err := os.WriteFile(given, secret, 0o600); err != nil {
		return err
	}
	defer func() { _ = os.Remove(given) }()
	if err := r.as.give(given); err != nil {
		return err
	}
	cmd := r.command(ctx, filepath.Join(r.bin, "initdb"), "-D", dir, "-U", "postgres", "-A", "scram-sha-256", "--pwfile="+given, "--encoding=UTF8", "--locale=C", "--no-instructions")
	var out tailBuffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := r.start(cmd); err != nil {
		return fmt.Errorf("start initdb: %w", err)
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out.last())
	}
	return nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// tailBuffer keeps the end of what a process prints.
type tailBuffer struct {
	mu  sync.Mutex
	buf []byte
}

const tailBytes = 8 << 10

func (t *tailBuffer) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if n := len(t.buf) - tailBytes; n > 0 {
		t.buf = append(t.buf[:0], t.buf[n:]...)
	}
	return len(p), nil
}

// last is the last line that says something, for an error of one line.
func (t *tailBuffer) last() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(string(t.buf)), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		if strings.Contains(lines[i], "FATAL") || strings.Contains(lines[i], "error") {
			return lines[i]
		}
	}
	return lines[len(lines)-1]
}
