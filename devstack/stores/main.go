package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/causeway-dev/causeway/devstack/opensearch"
	"github.com/causeway-dev/causeway/devstack/redis"
	"github.com/causeway-dev/causeway/devstack/s3"
)

const (
	startLimit = 2 * time.Minute
	stopLimit  = 15 * time.Second
)

type server interface {
	Stop(ctx context.Context) error
}

func main() {
	launch := flag.String("opensearch", "", "the file that .ci/opensearch has written")
	gateway := flag.String("s3", "", "the program versitygw")
	redisServer := flag.String("redis", "redis-server", "the program redis-server")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code, err := run(ctx, *launch, *gateway, *redisServer, flag.Args())
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "stores:", err)
		os.Exit(1)
	}
	os.Exit(code)
}

func run(ctx context.Context, launch, gateway, redisServer string, command []string) (int, error) {
	if len(command) == 0 {
		return 0, errors.New("no command is given")
	}
	dir, err := os.MkdirTemp("", "causeway-stores-")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	redisPath, err := exec.LookPath(redisServer)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	up := &stack{}
	defer up.stop() //nolint:contextcheck // the servers are stopped in order also when the context is over
	limited, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	up.start("OpenSearch", func() (server, []string, error) {
		s, err := opensearch.Start(limited, opensearch.Options{Launch: launch, Dir: filepath.Join(dir, "opensearch")})
		if err != nil {
			return nil, nil, err
		}
		return s, []string{"CAUSEWAY_TEST_OPENSEARCH=" + s.URL()}, nil
	})
	up.start("Redis", func() (server, []string, error) {
		s, err := redis.StartReal(limited, redisPath, filepath.Join(dir, "redis"))
		if err != nil {
			return nil, nil, err
		}
		return s, []string{"CAUSEWAY_TEST_REDIS=" + s.URL()}, nil
	})
	up.start("S3", func() (server, []string, error) {
		s, err := s3.Start(limited, s3.Options{Path: gateway, Dir: filepath.Join(dir, "s3")})
		if err != nil {
			return nil, nil, err
		}
		return s, append(s.Env(), "CAUSEWAY_TEST_S3="+s.URL()), nil
	})
	if err := up.wait(); err != nil {
		return 0, err
	}
	fmt.Fprintf(os.Stderr, "stores: up after %.1f s\n", time.Since(began).Seconds())
	return up.execute(ctx, command)
}

// stack is the servers, which start side by side.
type stack struct {
	starting sync.WaitGroup
	mu       sync.Mutex
	servers  []server
	env      []string
	err      error
}

func (s *stack) start(name string, f func() (server, []string, error)) {
	s.starting.Go(func() {
		up, env, err := f()
		s.mu.Lock()
		defer s.mu.Unlock()
		if err != nil {
			s.err = errors.Join(s.err, fmt.Errorf("%s: %w", name, err))
			return
		}
		s.servers, s.env = append(s.servers, up), append(s.env, env...)
	})
}

func (s *stack) wait() error {
	s.starting.Wait()
	return s.err
}

// execute runs the command, and passes on that somebody wants it to end.
func (s *stack) execute(ctx context.Context, command []string) (int, error) {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.Env = os.Stdin, os.Stdout, os.Stderr, append(os.Environ(), s.env...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopLimit
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return max(exit.ExitCode(), 1), nil
	}
	return 0, err
}

func (s *stack) stop() {
	s.starting.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), stopLimit)
	defer cancel()
	for _, up := range s.servers {
		if err := up.Stop(ctx); err != nil {
			fmt.Fprintln(os.Stderr, "stores:", err)
		}
	}
}
