package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is one run of all measurements.
type bench struct {
	api      *client
	fake     *fakeAPI
	platform *platform
	length   time.Duration // of one timed pass
	total    int           // records of the bulk sync
	fleet    int           // scheduled syncs
	table    table
}

func run(ctx context.Context) error {
	b := &bench{api: newClient()}
	flag.DurationVar(&b.length, "length", 10*time.Second, "length of one timed pass")
	flag.IntVar(&b.total, "records", 100_000, "records of the bulk sync")
	flag.IntVar(&b.fleet, "fleet", 200, "scheduled syncs, every 30 s each")
	only := flag.String("only", "", "measure these parts alone: names separated by commas (proxy, connections, actions, sync, records, schedule)")
	flag.Parse()

	var err error
	if b.fake, err = startFake(); err != nil {
		return err
	}
	if b.platform, err = newPlatform(); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(b.platform.dir) }()
	if err := b.startTwice(ctx); err != nil {
		return err
	}
	defer func() { _ = b.platform.stop() }()
	for _, part := range []struct {
		name    string
		measure func(context.Context) error
	}{
		{"set up", b.setUp}, {"memory", b.idle}, {"proxy", b.proxy}, {"connections", b.connections},
		{"actions", b.actions}, {"sync", b.sync}, {"records", b.records}, {"schedule", b.schedule},
	} {
		if *only != "" && part.name != "set up" && !slices.Contains(strings.Split(*only, ","), part.name) {
			continue
		}
		fmt.Fprintln(os.Stderr, "measuring:", part.name)
		if err := part.measure(ctx); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return b.table.write(os.Stdout, "bench/out/bench.json")
}

func (b *bench) startTwice(ctx context.Context) error {
	first, err := b.platform.start(ctx, b.api)
	if err != nil {
		return err
	}
	if err := b.platform.stop(); err != nil {
		return err
	}
	second, err := b.platform.start(ctx, b.api)
	if err != nil {
		return err
	}
	b.table.add("first start to ready", first.Seconds(), "s", 0, 0)
	b.table.add("second start to ready", second.Seconds(), "s", 10, 4)
	return nil
}

func (b *bench) setUp(ctx context.Context) error {
	if err := b.api.call(ctx, http.MethodPost, "/integrations", map[string]any{"provider": "private-api-bearer", "unique_key": integration}, nil); err != nil {
		return err
	}
	if err := b.platform.deploy(ctx, b.api); err != nil {
		return err
	}
	return b.connect(ctx, connection)
}

func (b *bench) connect(ctx context.Context, id string) error {
	return b.api.call(ctx, http.MethodPost, "/connections", map[string]any{
		"provider_config_key": integration, "connection_id": id, "connection_config": map[string]any{"baseUrl": b.fake.url},
		"credentials": map[string]any{"type": "API_KEY", "apiKey": "bench"},
	}, nil)
}
