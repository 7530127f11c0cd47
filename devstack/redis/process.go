package redis

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/causeway-dev/causeway/devstack/process"
)

// Real is a redis-server beside this process, for tests: what passes on the in-process server has to pass on it too.
type Real struct {
	process *process.Process
	address string
}

// StartReal starts the redis-server at path on a free port of 127.0.0.1, with nothing on disk but its output, in dir.
func StartReal(ctx context.Context, path, dir string) (*Real, error) {
	port, err := process.FreePort()
	if err != nil {
		return nil, err
	}
	r := &Real{address: net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}
	r.process, err = process.Start(ctx, process.Options{
		Path: path, Dir: dir, Ready: r.ready,
		Args: []string{"--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--daemonize", "no"},
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}

// ready: it answers, which it does while it is loading too, with an error.
func (r *Real) ready(ctx context.Context) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", r.address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprint(conn, "PING\r\n"); err != nil {
		return err
	}
	answer, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return err
	}
	if !strings.HasPrefix(answer, "+PONG") {
		return errors.New(strings.TrimSpace(answer))
	}
	return nil
}

// URL is the address for clients.
func (r *Real) URL() string { return "redis://" + r.address }

// Stop ends the server.
func (r *Real) Stop(ctx context.Context) error { return r.process.Stop(ctx) }
