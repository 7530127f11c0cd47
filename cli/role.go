package cli

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/causeway-dev/causeway/config"
)

// defaultPatience is how long --wait waits when it isn't told.
const defaultPatience = 5 * time.Minute

// role is one process of an installation whose servers are elsewhere.
type role struct {
	name  string
	needs []string // settings
	parts func(*platform) []func(context.Context) error
}

// stores are the settings that every role needs.
var stores = []string{"encryption.key", "database.url", "redis.url", "blob.url", "temporal.address", "server.public_url"}

// command gives a role's command what all have in common. settle may change settings by flags.
func (r role) command(cmd *cobra.Command, settle func(*config.Loaded) error) *cobra.Command {
	cmd.Args = cobra.NoArgs
	wait := cmd.Flags().Duration("wait", 0, "wait for servers that aren't up or set up yet, for this long")
	cmd.Flags().Lookup("wait").NoOptDefVal = defaultPatience.String()
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		conf, err := load(cmd)
		if err != nil {
			return err
		}
		if err := settle(conf); err != nil {
			return err
		}
		if err := needSettings(conf, r.needs...); err != nil {
			return err
		}
		log := newLogger(cmd.ErrOrStderr(), conf.Log.Level).With("role", r.name)
		slog.SetDefault(log)
		return r.run(cmd.Context(), conf, log, *wait)
	}
	return cmd
}

// run starts the parts, is ready until ctx ends, and stops them, last first.
func (r role) run(ctx context.Context, conf *config.Loaded, log *slog.Logger, patience time.Duration) error {
	p := newPlatform(conf, log)
	began := time.Now()
	p.steps.patient = began.Add(patience)
	defer func() {
		p.health.ready.Store(false) // before anything else: a load balancer has to look elsewhere
		defer impatient()()
		p.steps.down(context.WithoutCancel(ctx))
	}()
	if err := inOrder(ctx, append([]func(context.Context) error{p.upAdmin}, r.parts(&p)...)...); err != nil {
		if ctx.Err() != nil {
			return nil // stopped while it started
		}
		return fmt.Errorf("%s: %w", r.name, err)
	}
	p.health.ready.Store(true)
	log.Info("ready", "build", build, "admin", conf.Server.AdminListen, "took_ms", time.Since(began).Milliseconds())
	<-ctx.Done()
	log.Info("stopping")
	return nil
}

// impatient lets a second signal end this process at once, until the returned function is called.
func impatient() (done func()) {
	again := make(chan os.Signal, 1)
	signal.Notify(again, os.Interrupt, syscall.SIGTERM)
	over := make(chan struct{})
	go func() {
		select {
		case <-again:
			os.Exit(130)
		case <-over:
		}
	}()
	return func() {
		signal.Stop(again)
		close(over)
	}
}
