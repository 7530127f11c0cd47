package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/causeway-dev/causeway/config"
	"github.com/causeway-dev/causeway/dashboard"
	"github.com/causeway-dev/causeway/devstack/demo"
	"github.com/causeway-dev/causeway/devstack/postgres"
	"github.com/causeway-dev/causeway/devstack/redis"
	"github.com/causeway-dev/causeway/devstack/temporal"
	"github.com/causeway-dev/causeway/dispatch"
	"github.com/causeway-dev/causeway/storage"
)

// The account of causeway dev.
const (
	devAccount     = "default"
	devEnvironment = "dev"
	devDrain       = 5 * time.Second
)

func newDev() *cobra.Command {
	var reset bool
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Run the whole platform on this machine, with its state in .causeway",
		Long: "Run the whole platform on this machine: Postgres, Temporal, Redis, the API, a worker and a demo API, on loopback only.\n" +
			"The state is in .causeway. Ctrl-C stops everything; a second Ctrl-C ends it at once.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			conf, err := load(cmd)
			if err != nil {
				return err
			}
			return dev(cmd.Context(), conf, reset, cmd.OutOrStdout())
		},
	}
	cmd.Flags().BoolVar(&reset, "reset", false, "remove the state first: all connections, records and logs")
	return cmd
}

func dev(ctx context.Context, conf *config.Loaded, reset bool, out io.Writer) error {
	dir, err := openDevDir(conf.Dev.Dir)
	if err != nil {
		return err
	}
	defer dir.close()
	dir.unpublish() // of a process that was killed
	if reset {
		if err := dir.reset(); err != nil {
			return err
		}
	}
	log, closeLog, err := dir.logger(conf.Log.Level)
	if err != nil {
		return err
	}
	defer closeLog()

	began := time.Now()
	d := &devPlatform{dir: dir, out: out, platform: newPlatform(conf, log)}
	d.steps.notify = func(part string) { fmt.Fprintf(out, "  starting %s …\n", part) }
	defer d.stop(ctx)
	if err := d.start(ctx); err != nil {
		if ctx.Err() != nil {
			return nil // Ctrl-C while it started
		}
		return fmt.Errorf("%w (more in %s)", err, dir.join("log"))
	}
	if err := dir.publish(d.info); err != nil {
		return err
	}
	d.health.ready.Store(true)
	d.print(time.Since(began))
	<-ctx.Done()
	return nil
}

// logger writes the process log into the state's folder, where it doesn't hide what people read.
func (d *devDir) logger(level string) (*slog.Logger, func(), error) {
	f, err := os.OpenFile(d.join("log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nil, err
	}
	log := newLogger(f, level)
	slog.SetDefault(log)
	return log, func() { _ = f.Close() }, nil
}

// devPlatform is a platform with everything that it needs beside it.
type devPlatform struct {
	platform
	dir      *devDir
	out      io.Writer
	base     int // first of our ports
	postgres *postgres.Server
	info     devInfo
}

func (d *devPlatform) start(ctx context.Context) error {
	var err error
	if d.base, err = devPorts(d.conf.Dev.Port); err != nil {
		return err
	}
	if err := d.settle(); err != nil {
		return err
	}
	return inOrder(ctx,
		d.upPostgres, d.upOwnRedis, d.upTemporal, d.upDemo, d.upDatabase, d.upStorage, d.upAccount, d.upDispatch, d.upCalls, d.upWorker, d.upServers)
}

// settle gives the settings values that fit a developer's machine, unless somebody has set them.
func (d *devPlatform) settle() error {
	key := d.conf.Encryption.Key
	if key == "" {
		var err error
		if key, err = d.dir.key(); err != nil {
			return err
		}
	}
	blobs, err := storage.FileURL(d.dir.join("blob"))
	if err != nil {
		return err
	}
	public := "http://" + loopback(d.base+portAPI)
	for name, value := range map[string]string{
		"encryption.key":      key,
		"blob.url":            blobs,
		"server.listen":       loopback(d.base + portAPI),
		"server.admin_listen": loopback(d.base + portAdmin),
		"server.public_url":   public,
		"temporal.address":    loopback(d.base + portTemporal),
		"runners.isolation":   "best",
		"worker.drain":        devDrain.String(),
	} {
		if d.conf.Source(name) == config.FromDefault || value == key {
			d.conf.Set(name, value)
		}
	}
	d.info = devInfo{
		APIURL: d.conf.Server.PublicURL, DashboardURL: d.conf.Server.PublicURL + "/", TemporalUIURL: d.conf.Server.PublicURL + "/temporal/",
		AdminURL: "http://" + d.conf.Server.AdminListen, PID: os.Getpid(),
	}
	return nil
}

func (d *devPlatform) upPostgres(ctx context.Context) error {
	if source := d.conf.Dev.Postgres; strings.Contains(source, "://") {
		d.conf.Set("database.url", source)
		return nil
	}
	return d.steps.up(ctx, "Postgres", 5*time.Minute, func(limited context.Context) (func(context.Context) error, error) {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		d.postgres, err = postgres.Start(limited, postgres.Options{
			Dir: d.dir.join("postgres"), Port: d.base + portPostgres, Source: d.conf.Dev.Postgres, FastDisk: d.conf.Dev.UnsafeFastDisk,
			Fetch: postgres.FetchCommand(self, "internal", "fetch-postgres"),
		})
		if err != nil {
			return nil, err
		}
		if err := d.postgres.CreateDatabase(limited, "causeway"); err != nil {
			return d.postgres.Stop, errors.Join(err, d.postgres.Stop(ctx))
		}
		d.conf.Set("database.url", d.postgres.URL("causeway"))
		return d.postgres.Stop, nil
	})
}

func (d *devPlatform) upOwnRedis(ctx context.Context) error {
	if d.conf.Redis.URL != "" {
		return nil
	}
	return d.steps.up(ctx, "Redis (embedded)", 30*time.Second, func(context.Context) (func(context.Context) error, error) {
		server, err := redis.Start(ctx)
		if err != nil {
			return nil, err
		}
		d.conf.Set("redis.url", server.URL())
		return func(context.Context) error { server.Stop(); return nil }, nil
	})
}

func (d *devPlatform) upTemporal(ctx context.Context) error {
	if d.conf.Source("temporal.address") != config.FromDefault && d.conf.Temporal.Address != loopback(d.base+portTemporal) {
		return nil // somebody else's
	}
	return d.steps.up(ctx, "Temporal", 2*time.Minute, func(context.Context) (func(context.Context) error, error) {
		server, err := temporal.Start(ctx, temporal.Options{
			Dir: d.dir.join("temporal"), Port: d.base + portTemporal, UIPort: d.base + portTemporalUI, UIPath: "/temporal",
			Namespace: d.conf.Temporal.Namespace, Codec: d.conf.Server.PublicURL + strings.TrimSuffix(codecPath, "/"),
			Notice: func(text string) { fmt.Fprintln(d.out, "  "+text) },
		})
		if err != nil {
			return nil, err
		}
		if _, err := setUpTemporal(ctx, d.conf, d.log); err != nil {
			server.Stop()
			return nil, err
		}
		return func(context.Context) error { server.Stop(); return nil }, nil
	})
}

func (d *devPlatform) upDemo(ctx context.Context) error {
	return d.steps.up(ctx, "demo API", 10*time.Second, func(context.Context) (func(context.Context) error, error) {
		server, err := demo.Start(ctx, loopback(d.base+portDemo))
		if err != nil {
			return nil, err
		}
		d.baseURLs = map[string]string{"demo": server.URL()}
		d.exceptions = []netip.AddrPort{netip.MustParseAddrPort(strings.TrimPrefix(server.URL(), "http://"))}
		return server.Stop, nil
	})
}

func (d *devPlatform) upDatabase(ctx context.Context) error {
	return d.steps.up(ctx, "migrations", time.Minute, func(limited context.Context) (func(context.Context) error, error) {
		return nil, migrate(limited, d.conf, func(string, int) {})
	})
}

func (d *devPlatform) upAccount(ctx context.Context) error {
	if err := d.store.EnsureAccount(ctx, devAccount, []string{devEnvironment, "prod"}, laneCaps(d.conf)); err != nil {
		return err
	}
	environment, err := d.store.EnvironmentByName(ctx, devAccount, devEnvironment)
	if err != nil {
		return err
	}
	d.info.APIKey, err = d.store.DefaultSecret(ctx, environment.ID)
	return err
}

func (d *devPlatform) upServers(ctx context.Context) error {
	handler, err := d.front(d.newAPI(true).Handler()) //nolint:contextcheck // requests bring their own
	if err != nil {
		return err
	}
	if err := d.upAdmin(ctx); err != nil {
		return err
	}
	return d.upListener(ctx, "API", d.conf.Server.Listen, handler)
}

// front puts the status page and Temporal's UI before the API. It answers to names of loopback only, so that no web page can
// reach this machine under a name that it has pointed here.
func (d *devPlatform) front(api http.Handler) (http.Handler, error) {
	ui, err := url.Parse("http://" + loopback(d.base+portTemporalUI))
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle(temporalPath, proxyTo(ui, d.log))
	mux.Handle(codecPath, http.StripPrefix(strings.TrimSuffix(codecPath, "/"), dispatch.CodecHandler(d.store.Keys())))
	mux.HandleFunc("GET /{$}", d.status)
	local := d.conf.Source("server.listen") == config.FromSetting
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if local && !isLoopback(r.Host) {
			http.Error(w, "causeway dev answers on 127.0.0.1 and localhost only; set server.listen to open it to others", http.StatusMisdirectedRequest)
			return
		}
		if r.URL.Path == "/" || strings.HasPrefix(r.URL.Path, temporalPath) {
			mux.ServeHTTP(w, r)
			return
		}
		api.ServeHTTP(w, r)
	}), nil
}

func isLoopback(hostPort string) bool {
	host, _, err := net.SplitHostPort(hostPort)
	if err != nil {
		host = strings.Trim(hostPort, "[]")
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

func (d *devPlatform) status(w http.ResponseWriter, r *http.Request) {
	page := dashboard.StatusPage{Build: build, APIURL: d.info.APIURL, TemporalURL: d.info.TemporalUIURL, Environment: devEnvironment}
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	for _, part := range []struct {
		name  string
		check func(context.Context) error
	}{
		{"Postgres, control plane", d.store.Ping},
		{"Postgres, records", d.records.Ping},
		{"Redis", d.redis.Ping},
		{"Temporal", d.pingTemporal},
	} {
		state, err := "running", part.check(ctx)
		if err != nil {
			state = "does not answer"
		}
		page.Parts = append(page.Parts, dashboard.Part{Name: part.name, State: state, OK: err == nil})
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_ = dashboard.Status(w, page)
}

func (d *devPlatform) print(took time.Duration) {
	fmt.Fprintf(d.out, "\nCauseway is ready (%s).\n\n", took.Round(100*time.Millisecond))
	table := tabwriter.NewWriter(d.out, 0, 0, 2, ' ', 0)
	row := func(name, value string) { fmt.Fprintf(table, "  %s\t%s\n", name, value) }
	row("API", "export API_URL="+d.info.APIURL)
	row("API key", "export API_KEY="+d.info.APIKey)
	row("Status", d.info.DashboardURL)
	row("Temporal", d.info.TemporalUIURL)
	row("Metrics", d.info.AdminURL+"/metrics")
	if d.postgres != nil {
		row("Postgres", d.postgres.URL("causeway"))
	}
	row("State", d.dir.path+", log in "+d.dir.join("log"))
	_ = table.Flush()
	fmt.Fprint(d.out, `
In a second terminal, in this folder:

  causeway integrations create demo --provider demo
  causeway connections create first --integration demo --api-key anything
  causeway init my-integrations && cd my-integrations && causeway deploy

Ctrl-C stops everything.
`)
}

// stop stops what runs, last started first. A second Ctrl-C doesn't wait for it.
func (d *devPlatform) stop(ctx context.Context) {
	d.health.ready.Store(false)
	d.dir.unpublish()
	if len(d.steps.started) == 0 {
		return
	}
	defer impatient()()
	fmt.Fprintln(d.out, "\nStopping; runs that go on have "+strconv.Itoa(int(d.conf.Worker.Drain.Seconds()))+" seconds …")
	d.steps.down(context.WithoutCancel(ctx))
}
