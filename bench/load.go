package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"sync"
	"time"
)

// client talks to a platform.
type client struct {
	http *http.Client
	base string
	key  string
}

const (
	integration = "bench"
	connection  = "bench-1"
)

func newClient() *client {
	return &client{http: &http.Client{
		Timeout:   5 * time.Minute,
		Transport: &http.Transport{MaxIdleConns: 1024, MaxIdleConnsPerHost: 1024, DisableCompression: true},
	}}
}

func (c *client) request(ctx context.Context, method, path string, body any) (*http.Request, error) {
	var reader io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		reader = bytes.NewReader(raw)
	}
	r, err := http.NewRequestWithContext(ctx, method, c.base+path, reader)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+c.key)
	r.Header.Set("Connection-Id", connection)
	r.Header.Set("Provider-Config-Key", integration)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	return r, nil
}

func (c *client) do(r *http.Request) ([]byte, error) {
	resp, err := c.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 != 2 {
		return nil, fmt.Errorf("%s %s: %d %.300s", r.Method, r.URL.Path, resp.StatusCode, raw)
	}
	return raw, nil
}

// call makes one call and decodes the answer into out, if out isn't nil.
func (c *client) call(ctx context.Context, method, path string, body, out any) error {
	r, err := c.request(ctx, method, path, body)
	if err != nil {
		return err
	}
	raw, err := c.do(r)
	if err != nil || out == nil {
		return err
	}
	return json.Unmarshal(raw, out)
}

// loop is what a closed loop found.
type loop struct {
	PerSecond float64 `json:"per_second"`
	P50       float64 `json:"p50_ms"`
	P95       float64 `json:"p95_ms"`
	P99       float64 `json:"p99_ms"`
	Calls     int     `json:"calls"`
	Errors    int     `json:"errors"`
}

// closedLoop lets workers send their next request when the previous answer has been read: first a warm-up, then three timed
// passes, of which the median counts.
func closedLoop(ctx context.Context, workers int, length time.Duration, send func(ctx context.Context, n int) error) (loop, error) {
	if _, err := pass(ctx, workers, min(length, 3*time.Second), send); err != nil {
		return loop{}, err
	}
	passes := make([]loop, 3)
	for i := range passes {
		l, err := pass(ctx, workers, length, send)
		if err != nil {
			return loop{}, err
		}
		passes[i] = l
	}
	slices.SortFunc(passes, func(a, b loop) int { return int(a.PerSecond - b.PerSecond) })
	return passes[1], nil
}

func pass(ctx context.Context, workers int, length time.Duration, send func(ctx context.Context, n int) error) (loop, error) {
	var (
		wg     sync.WaitGroup
		mu     sync.Mutex
		times  []float64
		failed int
		first  error
	)
	begun := time.Now()
	for w := range workers {
		wg.Go(func() {
			own := make([]float64, 0, 4096)
			bad := 0
			var err error
			for n := w; time.Since(begun) < length && ctx.Err() == nil; n += workers {
				t := time.Now()
				if e := send(ctx, n); e != nil {
					bad++
					err = e
					continue
				}
				own = append(own, float64(time.Since(t).Microseconds())/1000)
			}
			mu.Lock()
			defer mu.Unlock()
			times = append(times, own...)
			failed += bad
			if first == nil {
				first = err
			}
		})
	}
	wg.Wait()
	if len(times) == 0 {
		return loop{}, fmt.Errorf("no call succeeded: %w", first)
	}
	slices.Sort(times)
	q := func(p float64) float64 { return times[max(0, int(math.Ceil(p*float64(len(times))))-1)] }
	return loop{float64(len(times)) / time.Since(begun).Seconds(), q(.5), q(.95), q(.99), len(times), failed}, nil
}
