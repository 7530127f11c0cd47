package s3

import (
	"context"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"

	"github.com/causeway-dev/causeway/devstack/process"
)

// What clients of the server have to know.
const (
	AccessKey = "causeway-test"
	SecretKey = "causeway-test-secret" //nolint:gosec // of a server that lives as long as a test
	Bucket    = "causeway"
)

// Options say what is started.
type Options struct {
	Path string // the program versitygw
	Dir  string // for objects and output
}

// Server is a running server with one bucket.
type Server struct {
	process *process.Process
	address string
}

// Start starts the server on a free port of 127.0.0.1.
func Start(ctx context.Context, o Options) (*Server, error) {
	port, err := process.FreePort()
	if err != nil {
		return nil, err
	}
	if o.Path, err = filepath.Abs(o.Path); err != nil {
		return nil, err
	}
	if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return nil, err
	}
	// A bucket is a folder. Metadata lies beside the objects, not in extended attributes, which not every file system has.
	objects, metadata := filepath.Join(o.Dir, "objects"), filepath.Join(o.Dir, "metadata")
	for _, dir := range []string{filepath.Join(objects, Bucket), metadata} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
	}
	s := &Server{address: net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}
	s.process, err = process.Start(ctx, process.Options{
		Path: o.Path, Dir: o.Dir, Args: []string{"--quiet", "--port", s.address, "--health", "/health", "posix", "--sidecar", metadata, objects},
		Env: []string{"ROOT_ACCESS_KEY=" + AccessKey, "ROOT_SECRET_KEY=" + SecretKey}, Ready: s.ready,
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Server) ready(ctx context.Context) error {
	return process.Healthy(ctx, "http://"+s.address+"/health")
}

// URL is the bucket's address as the blob store takes it. Credentials come from the environment, see Env.
func (s *Server) URL() string {
	q := url.Values{
		"endpoint": {"http://" + s.address}, "use_path_style": {"true"}, "region": {"us-east-1"},
		"response_checksum_validation": {"when_required"}, // else each part that is read is remarked on, on standard error
	}
	return (&url.URL{Scheme: "s3", Host: Bucket, RawQuery: q.Encode()}).String()
}

// Env is the environment that clients need.
func (s *Server) Env() []string {
	return []string{"AWS_ACCESS_KEY_ID=" + AccessKey, "AWS_SECRET_ACCESS_KEY=" + SecretKey}
}

// Stop ends the server. The objects stay in its folder.
func (s *Server) Stop(ctx context.Context) error { return s.process.Stop(ctx) }
