package opensearch

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/causeway-dev/causeway/devstack/process"
)

// Options say what is started.
type Options struct {
	Launch string // the file that .ci/opensearch has written
	Dir    string // for data and output; an empty one is a new node
	Heap   string // as Java takes it; empty: 512m
}

// Server is a running node.
type Server struct {
	process *process.Process
	url     string
}

// Start starts a node on a free port of 127.0.0.1 and returns when it takes writes: after 6 to 10 seconds, on two cores.
func Start(ctx context.Context, o Options) (*Server, error) {
	raw, err := os.ReadFile(o.Launch)
	if err != nil {
		return nil, fmt.Errorf("the node isn't prepared: run .ci/opensearch: %w", err)
	}
	lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
	port, err := process.FreePort()
	if err != nil {
		return nil, err
	}
	if o.Heap == "" {
		o.Heap = "512m"
	}
	if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return nil, err
	}
	// The cheap collector and the quick compiler: a test node lives for a minute.
	args := []string{"-Xms" + o.Heap, "-Xmx" + o.Heap, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.io.tmpdir=" + o.Dir}
	args = append(append(args, lines[1:]...), o.Dir, strconv.Itoa(port))
	s := &Server{url: "http://127.0.0.1:" + strconv.Itoa(port)}
	if s.process, err = process.Start(ctx, process.Options{Path: lines[0], Args: args, Dir: o.Dir, Ready: s.ready}); err != nil {
		return nil, err
	}
	return s, nil
}

// ready: the node has elected itself and has its indices back.
func (s *Server) ready(ctx context.Context) error {
	return process.Healthy(ctx, s.url+"/_cluster/health?wait_for_status=yellow&timeout=1s")
}

// URL is the node's address.
func (s *Server) URL() string { return s.url }

// Stop ends the node. What it holds stays in its folder.
func (s *Server) Stop(ctx context.Context) error { return s.process.Stop(ctx) }
