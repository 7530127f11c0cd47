package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

func (b *bench) idle(context.Context) error { return b.memory("idle") }

func (b *bench) memory(when string) error {
	u, err := b.platform.use()
	if err != nil {
		return err
	}
	b.table.add("resident memory without Postgres, "+when, float64(u.resident)/1e6, "MB", 450, 300)
	b.table.add("resident memory of Postgres, "+when, float64(u.residentPostgres)/1e6, "MB", 0, 0)
	return nil
}

func (b *bench) proxy(ctx context.Context) error {
	floor, err := closedLoop(ctx, 1, b.length, func(ctx context.Context, _ int) error {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.fake.url+"/one", nil)
		if err != nil {
			return err
		}
		_, err = b.api.do(r)
		return err
	})
	if err != nil {
		return err
	}
	b.table.add("outside API called directly, c 1: p50", floor.P50, "ms", 0, 0)
	for _, c := range []int{1, 16, 64} {
		l, err := b.loop(ctx, c, http.MethodGet, "/proxy/one", nil)
		if err != nil {
			return err
		}
		if c == 1 {
			b.table.add("proxy 1 kB, c 1: p50", l.P50, "ms", 0.9, 0.5)
			continue
		}
		b.table.addRate(fmt.Sprintf("proxy 1 kB, c %d", c), l.PerSecond, "calls/s", 4000, 8000)
	}
	return b.memory("after the proxy's load")
}

func (b *bench) loop(ctx context.Context, workers int, method, path string, body func(n int) any) (loop, error) {
	return closedLoop(ctx, workers, b.length, func(ctx context.Context, n int) error {
		var payload any
		if body != nil {
			payload = body(n)
		}
		return b.api.call(ctx, method, path, payload, nil)
	})
}

func (b *bench) connections(ctx context.Context) error {
	path := "/connections/" + connection + "?" + url.Values{"provider_config_key": {integration}}.Encode()
	for _, c := range []int{1, 16, 64} {
		l, err := b.loop(ctx, c, http.MethodGet, path, nil)
		if err != nil {
			return err
		}
		b.table.addRate(fmt.Sprintf("GET /connections/{id}, c %d", c), l.PerSecond, "calls/s", 4000, 8000)
	}
	return nil
}

func (b *bench) actions(ctx context.Context) error {
	for _, a := range []struct {
		name       string
		c          int
		must, aims float64
	}{{"noop", 1, 20, 12}, {"noop", 16, 80, 150}, {"noop", 64, 80, 150}, {"fetch-one", 16, 70, 130}, {"fetch-one", 64, 70, 130}} {
		before, err := b.platform.use()
		if err != nil {
			return err
		}
		l, err := b.loop(ctx, a.c, http.MethodPost, "/action/trigger", func(n int) any {
			return map[string]any{"action_name": a.name, "input": map[string]any{"n": n + 1}}
		})
		if err != nil {
			return err
		}
		name := fmt.Sprintf("action %s, c %d", a.name, a.c)
		if a.c == 1 {
			b.table.add(name+": p50", l.P50, "ms", a.must, a.aims)
			continue
		}
		b.table.addRate(name, l.PerSecond, "runs/s", a.must, a.aims)
		b.table.add(name+": p99", l.P99, "ms", map[int]float64{16: 400, 64: 1500}[a.c], 0)
		after, err := b.platform.use()
		if err != nil {
			return err
		}
		runs := l.PerSecond * (3*b.length + min(b.length, 3*time.Second)).Seconds()
		b.table.add(name+": CPU of all parts per run", float64((after.cpu-before.cpu).Milliseconds())/runs, "ms", 0, 0)
	}
	return b.memory("after the actions' load")
}

func (b *bench) sync(ctx context.Context) error {
	for _, s := range []struct {
		name       string
		rev        int
		must, aims float64
	}{{"first", 0, 15_000, 30_000}, {"unchanged", 0, 30_000, 60_000}, {"1 % changed", 1, 25_000, 50_000}} {
		metadata := map[string]any{"total": b.total, "limit": 1000, "rev": s.rev}
		if err := b.api.call(ctx, http.MethodPost, "/connections/metadata", map[string]any{
			"provider_config_key": integration, "connection_id": connection, "metadata": metadata,
		}, nil); err != nil {
			return err
		}
		took, err := b.runSync(ctx)
		if err != nil {
			return err
		}
		b.table.addRate(fmt.Sprintf("sync of %d records, %s", b.total, s.name), float64(b.total)/took.Seconds(), "records/s", s.must, s.aims)
	}
	return nil
}

// runSync asks for a run of the bulk sync and waits for its end. What it returns is the time between the two.
func (b *bench) runSync(ctx context.Context) (time.Duration, error) {
	before, _, err := b.status(ctx)
	if err != nil {
		return 0, err
	}
	begun := time.Now()
	if err := b.api.call(ctx, http.MethodPost, "/sync/trigger", map[string]any{
		"provider_config_key": integration, "connection_id": connection, "syncs": []string{"bulk"},
	}, nil); err != nil {
		return 0, err
	}
	for time.Since(begun) < 5*time.Minute {
		finished, state, err := b.status(ctx)
		if err != nil {
			return 0, err
		}
		if finished != "" && finished != before && state != "RUNNING" {
			if state == "ERROR" {
				return 0, fmt.Errorf("the sync failed")
			}
			return time.Since(begun), nil
		}
		time.Sleep(10 * time.Millisecond) // the pause between two looks
	}
	return 0, fmt.Errorf("the sync did not end within 5 minutes")
}

func (b *bench) status(ctx context.Context) (finished, state string, err error) {
	var answer struct {
		Syncs []struct {
			FinishedAt string `json:"finishedAt"`
			Status     string `json:"status"`
		} `json:"syncs"`
	}
	q := url.Values{"syncs": {"bulk"}, "provider_config_key": {integration}, "connection_id": {connection}}
	if err := b.api.call(ctx, http.MethodGet, "/sync/status?"+q.Encode(), nil, &answer); err != nil {
		return "", "", err
	}
	if len(answer.Syncs) == 0 {
		return "", "", fmt.Errorf("the sync is not there")
	}
	return answer.Syncs[0].FinishedAt, answer.Syncs[0].Status, nil
}

func (b *bench) records(ctx context.Context) error {
	for _, r := range []struct {
		limit      int
		must, aims float64
	}{{10_000, 60_000, 120_000}, {100, 25_000, 60_000}} {
		best := 0.0
		for range 3 {
			begun := time.Now()
			n, err := b.readAll(ctx, r.limit, min(b.total, 1000*r.limit))
			if err != nil {
				return err
			}
			best = max(best, float64(n)/time.Since(begun).Seconds())
		}
		b.table.addRate(fmt.Sprintf("GET /records, limit %d", r.limit), best, "records/s", r.must, r.aims)
	}
	return nil
}

func (b *bench) readAll(ctx context.Context, limit, most int) (int, error) {
	cursor, total := "", 0
	for {
		q := url.Values{"model": {"Item"}, "limit": {fmt.Sprint(limit)}}
		if cursor != "" {
			q.Set("cursor", cursor)
		}
		var page struct {
			Records []json.RawMessage `json:"records"`
			Next    *string           `json:"next_cursor"`
		}
		if err := b.api.call(ctx, http.MethodGet, "/records?"+q.Encode(), nil, &page); err != nil {
			return 0, err
		}
		total += len(page.Records)
		if page.Next == nil || total >= most {
			return total, nil
		}
		cursor = *page.Next
	}
}

// schedule starts many small syncs, every 30 s each, lets them run for three rounds, and says what one run costs.
func (b *bench) schedule(ctx context.Context) error {
	for n := range b.fleet {
		if err := b.connect(ctx, fmt.Sprintf("fleet-%d", n)); err != nil {
			return err
		}
	}
	if err := b.api.call(ctx, http.MethodPost, "/sync/start", map[string]any{"provider_config_key": integration, "syncs": []string{"tick"}}, nil); err != nil {
		return err
	}
	const round = 30 * time.Second
	pause := func(d time.Duration) {
		select {
		case <-ctx.Done():
		case <-time.After(d):
		}
	}
	pause(round) // the first runs come at once, all together
	before, err := b.platform.use()
	if err != nil {
		return err
	}
	ticks := b.fake.ticks.Load()
	pause(2 * round)
	after, err := b.platform.use()
	if err != nil {
		return err
	}
	runs := float64(b.fake.ticks.Load() - ticks)
	b.table.addRate(fmt.Sprintf("%d scheduled syncs every 30 s", b.fleet), runs/(2*round).Seconds(), "runs/s", 0, 0)
	b.table.add("scheduled run: CPU of all parts", float64((after.cpu-before.cpu).Milliseconds())/runs, "ms", 30, 20)
	return b.memory("while syncs run")
}
