package temporal

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/template"

	uiserver "github.com/temporalio/ui-server/v2/server"
	uiconfig "github.com/temporalio/ui-server/v2/server/config"
	uioptions "github.com/temporalio/ui-server/v2/server/server_options"
	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/dynamicconfig"
	"go.temporal.io/server/common/membership/static"
	"go.temporal.io/server/common/primitives"
	"go.temporal.io/server/temporal"

	causeway "github.com/causeway-dev/causeway"
)

// Options say where the server keeps its state and listens.
type Options struct {
	Dir       string            // of the state; made if it isn't there
	Port      int               // of the gRPC front end; 0: a free one
	UIPort    int               // of the web UI; 0: no UI
	UIPath    string            // path below which the UI is served, e.g. "/temporal"
	Namespace string            // that the web UI shows first
	Codec     string            // URL of the endpoint by which the web UI decodes payloads; empty: it doesn't
	Notice    func(text string) // says what a person has to know, e.g. that a damaged state was moved aside; may be nil
}

// Server is a running server.
type Server struct {
	server  temporal.Server
	ui      *uiserver.Server
	log     *quietLogger
	address string
}

// Start starts the server and returns when it answers. It has no namespace of ours yet: dispatch.SetUp makes it.
func Start(ctx context.Context, o Options) (*Server, error) {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	s := &Server{log: newQuietLogger()}
	cfg, err := s.configure(dir, o.Port)
	if err != nil {
		return nil, err
	}
	if err := prepareStore(cfg, s.log, o.Notice); err != nil {
		return nil, err
	}
	if err := s.run(cfg); err != nil {
		return nil, err
	}
	if err := s.answers(ctx); err != nil {
		s.Stop()
		return nil, err
	}
	if o.UIPort != 0 {
		if err := s.startUI(o); err != nil {
			s.Stop()
			return nil, err
		}
	}
	return s, nil
}

// Address is host:port of the front end.
func (s *Server) Address() string { return s.address }

// Stop ends the UI, then the server. Clients and workers have to be closed before.
func (s *Server) Stop() {
	s.log.silence() // stopped under load, the server writes stack traces by the hundred
	if s.ui != nil {
		s.ui.Stop()
	}
	_ = s.server.Stop()
}

// configure renders temporal-dev.yaml and lets the server read it.
func (s *Server) configure(dir string, port int) (*config.Config, error) {
	values := map[string]string{"TEMPORAL_DATA": filepath.ToSlash(dir)}
	for _, name := range []string{"TEMPORAL_FRONTEND", "TEMPORAL_FRONTEND_HTTP", "TEMPORAL_HISTORY", "TEMPORAL_MATCHING", "TEMPORAL_WORKER"} {
		n := port
		if name != "TEMPORAL_FRONTEND" || port == 0 {
			var err error
			if n, err = freePort(); err != nil {
				return nil, err
			}
		}
		values[name] = strconv.Itoa(n)
	}
	s.address = net.JoinHostPort("127.0.0.1", values["TEMPORAL_FRONTEND"])
	t, err := template.New("temporal-dev.yaml").Funcs(template.FuncMap{"env": func(name string) string { return values[name] }}).Parse(causeway.TemporalDevConfig)
	if err != nil {
		return nil, err
	}
	var text strings.Builder
	if err := t.Execute(&text, nil); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "temporal.yaml")
	rendered := strings.TrimPrefix(text.String(), "# enable-template\n")
	if err := os.WriteFile(path, []byte(rendered), 0o600); err != nil {
		return nil, err
	}
	cfg, err := config.Load(config.WithConfigFile(path))
	if err != nil {
		return nil, fmt.Errorf("read temporal-dev.yaml: %w", err)
	}
	return cfg, nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// dynamic are the server's settings that matter here. The queue readers' default rates let a task wait 50 ms for the next read; one
// partition saves the forwarding between partitions; the name space rates are reached by 200 actions a second.
var dynamic = map[string]any{
	"history.transferProcessorMaxPollRPS":            1000,
	"history.timerProcessorMaxPollRPS":               1000,
	"history.visibilityProcessorMaxPollRPS":          1000,
	"matching.numTaskqueueReadPartitions":            1,
	"matching.numTaskqueueWritePartitions":           1,
	"matching.enableFairness":                        true,
	"frontend.namespaceRPS":                          10000,
	"frontend.rps":                                   10000,
	"system.forceSearchAttributesCacheRefreshOnRead": true, // a new attribute is taken at once
}

func (s *Server) run(cfg *config.Config) error {
	authorizer, err := authorization.GetAuthorizerFromConfig(&cfg.Global.Authorization)
	if err != nil {
		return err
	}
	claims, err := authorization.GetClaimMapperFromConfig(&cfg.Global.Authorization, s.log)
	if err != nil {
		return err
	}
	settings := dynamicconfig.StaticClient{}
	for name, value := range dynamic {
		settings[dynamicconfig.MakeKey(name)] = value
	}
	hosts := map[primitives.ServiceName]static.Hosts{} // no gossip: each service is at its port
	for name, service := range cfg.Services {
		hosts[primitives.ServiceName(name)] = static.SingleLocalHost(net.JoinHostPort("127.0.0.1", strconv.Itoa(service.RPC.GRPCPort)))
	}
	s.server, err = temporal.NewServer(
		temporal.WithConfig(cfg),
		temporal.ForServices(temporal.DefaultServices),
		temporal.WithStaticHosts(hosts),
		temporal.WithLogger(s.log),
		temporal.WithDynamicConfigClient(settings),
		temporal.WithAuthorizer(authorizer),
		temporal.WithClaimMapper(func(*config.Config) authorization.ClaimMapper { return claims }),
	)
	if err != nil {
		return fmt.Errorf("build the Temporal server: %w", err)
	}
	if err := s.server.Start(); err != nil {
		return fmt.Errorf("start the Temporal server: %w", err)
	}
	return nil
}

// startUI serves the web UI on loopback, where our own server's reverse proxy finds it. What would change runs behind our back is off;
// cancel and terminate stay.
func (s *Server) startUI(o Options) error {
	// The UI ends the process when its port is taken: look first.
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(o.UIPort)))
	if err != nil {
		return fmt.Errorf("port %d of the Temporal UI is in use", o.UIPort)
	}
	_ = l.Close()
	s.ui = uiserver.NewServer(uioptions.WithConfigProvider(&uiconfig.Config{
		Host: "127.0.0.1", Port: o.UIPort, TemporalGRPCAddress: s.address, EnableUI: true, PublicPath: o.UIPath, DefaultNamespace: o.Namespace,
		Codec: uiconfig.Codec{Endpoint: o.Codec, IncludeCredentials: true},
		CORS:  uiconfig.CORS{CookieInsecure: true}, HideLogs: true, DisableNewsFetch: true,
		WorkflowResetDisabled: true, BatchActionsDisabled: true, StartWorkflowDisabled: true, WorkflowSignalDisabled: true, WorkflowUpdateDisabled: true,
	}))
	go func() { _ = s.ui.Start() }()
	return nil
}
