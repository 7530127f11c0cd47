package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/causeway-dev/causeway/script/wire"
)

// Values of PoolOptions.Isolation.
const (
	IsolationRequire = "require" // the filter of system calls has to be in force
	IsolationBest    = "best"    // what there is
	IsolationOff     = "off"     // for debugging
)

// PoolOptions say how runner processes are made and kept. Zero values are the defaults.
type PoolOptions struct {
	Isolation string
	Memory    int64         // bytes that a runner may use; 512 MiB
	Runs      int           // at once in a runner; 16
	Runners   int           // in a pool; 4
	Spares    int           // runners kept ready that belong to no pool; negative: none
	Warm      int           // runners without a run that are kept; 64
	WarmFor   time.Duration // how long one is kept; 5 min
	UID       int           // user of runners when we are root; 65534
	// Executable is the runner program; empty: causeway-runner beside this executable, else this executable with the
	// argument "runner".
	Executable string
	// Compiler is the command of compile mode; empty: this executable with "runner", "--compile".
	Compiler []string
	Without  []string // steps of isolation to leave out
	Logger   *slog.Logger
}

func (o *PoolOptions) defaults() error {
	set := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	set(&o.Runs, 16)
	set(&o.Runners, 4)
	set(&o.Spares, 1)
	set(&o.Warm, 64)
	set(&o.UID, 65534)
	if o.Memory == 0 {
		o.Memory = 512 << 20
	}
	if o.WarmFor == 0 {
		o.WarmFor = 5 * time.Minute
	}
	if o.Isolation == "" {
		o.Isolation = IsolationRequire
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if !slices.Contains([]string{IsolationRequire, IsolationBest, IsolationOff}, o.Isolation) {
		return fmt.Errorf("runners.isolation: %q is none of require, best, off", o.Isolation)
	}
	return nil
}

// Limits of a runner's life.
const (
	maxRunsOfLife = 2_000
	maxAge        = time.Hour
	reapPace      = time.Second
	watchPace     = 100 * time.Millisecond // of memory
	maxProcs      = 18
)

// Pools are the runner processes of this worker. Each belongs to one environment, for its whole life: scripts of two
// environments never share a process.
type Pools struct {
	opts    PoolOptions
	spawner *spawner
	command command
	binary  *os.File // keeps command's program open
	hello   wire.Hello
	hashes  *lru.Cache[string, string] // of programs, by key

	mu     sync.Mutex
	pools  map[int64]*pool
	spares []*runner
	all    map[*runner]struct{}
	closed bool
	empty  chan struct{} // closed when closed and no runner is left

	stop      context.CancelFunc
	keeping   sync.WaitGroup
	compiling sync.WaitGroup
}

var _ RunnerPool = (*Pools)(nil)

// pool is the runners of one environment.
type pool struct {
	runners    []*runner
	background int // slots taken that aren't interactive
}

// NewPools finds the runner program, sees by a first runner what isolation this system allows, and refuses if that is less
// than asked for.
func NewPools(o PoolOptions) (*Pools, error) {
	if err := o.defaults(); err != nil {
		return nil, err
	}
	hashes, err := lru.New[string, string](10_000)
	if err != nil {
		return nil, err
	}
	s, err := newSpawner(o.UID)
	if err != nil {
		return nil, err
	}
	p := &Pools{opts: o, spawner: s, hashes: hashes, pools: map[int64]*pool{}, all: map[*runner]struct{}{}, empty: make(chan struct{})}
	if err := p.choose(); err != nil {
		p.release()
		return nil, err
	}
	if err := p.judge(); err != nil {
		p.release()
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	p.stop = stop
	p.keeping.Go(func() { p.keep(ctx) })
	return p, nil
}

func (p *Pools) release() {
	p.spawner.close()
	if p.binary != nil {
		_ = p.binary.Close()
	}
}

// Slot is a place for one run at a time in a runner of an environment.
type Slot struct {
	pools       *Pools
	runner      *runner
	interactive bool
	once        sync.Once
}

// TryAcquire takes a place in a runner of an environment, and starts or assigns a runner if need be; it doesn't wait. A
// quarter of a pool's places is kept for interactive kinds.
func (p *Pools) TryAcquire(environmentID int64, interactive bool) (RunnerSlot, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, false
	}
	of := p.pools[environmentID]
	if of == nil {
		of = &pool{}
		p.pools[environmentID] = of
	}
	places := p.opts.Runners * p.opts.Runs
	if !interactive && of.background >= max(1, places-places/4) {
		return nil, false
	}
	r := p.occupy(of, environmentID)
	if r == nil {
		return nil, false
	}
	if !interactive {
		of.background++
	}
	return &Slot{pools: p, runner: r, interactive: interactive}, true
}

// occupy takes a place in one of a pool's runners, or in a further one.
func (p *Pools) occupy(of *pool, environmentID int64) *runner {
	r := p.place(of)
	if r == nil {
		if len(of.runners) >= p.opts.Runners {
			return nil
		}
		r = p.take()
		r.environment = environmentID
		of.runners = append(of.runners, r)
	}
	r.used++
	r.total++
	return r
}

// place is the runner with the most free places. One beyond the soft line of its memory gets no new runs beside others.
func (p *Pools) place(of *pool) *runner {
	var best *runner
	for _, r := range of.runners {
		if r.draining || r.used >= p.opts.Runs || (r.used > 0 && r.resident.Load() > softLine(p.opts.Memory)) {
			continue
		}
		if best == nil || r.used < best.used {
			best = r
		}
	}
	return best
}

// take returns a spare, or a runner that is only starting.
func (p *Pools) take() *runner {
	if len(p.spares) == 0 {
		return p.launch()
	}
	r := p.spares[0]
	p.spares = p.spares[1:]
	p.refill()
	return r
}

func (p *Pools) refill() {
	for len(p.spares) < p.opts.Spares {
		p.spares = append(p.spares, p.launch())
	}
}

// launch makes a runner, which starts in a goroutine of its own.
func (p *Pools) launch() *runner {
	r := newRunner(p)
	p.all[r] = struct{}{}
	go r.live()
	return r
}

// Release gives the place back. A runner that has done its share ends with its last run.
func (s *Slot) Release() {
	s.once.Do(func() {
		p, r := s.pools, s.runner
		p.mu.Lock()
		defer p.mu.Unlock()
		if !s.interactive {
			p.pools[r.environment].background--
		}
		r.used--
		r.idleSince = time.Now()
		if r.total >= maxRunsOfLife || p.closed {
			r.draining = true
		}
		p.endIfDone(r)
		p.forgetEmpty(r.environment)
	})
}

// replace gives a slot another runner of its environment, in place of one that has ended.
func (p *Pools) replace(s *Slot) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	old, of := s.runner, p.pools[s.runner.environment]
	if p.closed || of == nil {
		return false
	}
	old.draining = true
	r := p.occupy(of, old.environment)
	if r == nil {
		return false
	}
	old.used--
	s.runner = r
	return true
}

// retire ends a runner as soon as nothing runs in it.
func (p *Pools) retire(r *runner) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r.draining = true
	p.endIfDone(r)
}

func (p *Pools) endIfDone(r *runner) {
	if r.draining && r.used == 0 {
		r.end()
	}
}

func (p *Pools) forgetEmpty(environmentID int64) {
	if of := p.pools[environmentID]; of != nil && len(of.runners) == 0 && of.background == 0 {
		delete(p.pools, environmentID)
	}
}

// remove takes a runner that has ended off the books.
func (p *Pools) remove(r *runner) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r.draining = true
	delete(p.all, r)
	p.spares = slices.DeleteFunc(p.spares, func(x *runner) bool { return x == r })
	if of := p.pools[r.environment]; of != nil {
		of.runners = slices.DeleteFunc(of.runners, func(x *runner) bool { return x == r })
		p.forgetEmpty(r.environment)
	}
	p.signalEmpty()
}

func (p *Pools) signalEmpty() {
	if p.closed && len(p.all) == 0 {
		select {
		case <-p.empty:
		default:
			close(p.empty)
		}
	}
}

// keep watches memory, ends runners that are idle or old, and keeps spares.
func (p *Pools) keep(ctx context.Context) {
	reap, watch := time.NewTicker(reapPace), time.NewTicker(watchPace)
	defer reap.Stop()
	defer watch.Stop()
	p.reap(time.Now()) //nolint:contextcheck // a new runner outlives what asked for it
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-reap.C:
			p.reap(now) //nolint:contextcheck // as above
		case <-watch.C:
			for _, r := range p.running() {
				r.watchMemory()
			}
		}
	}
}

func (p *Pools) running() []*runner {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []*runner
	for r := range p.all {
		if r.used > 0 {
			out = append(out, r)
		}
	}
	return out
}

func (p *Pools) reap(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.refill()
	var idle []*runner
	for _, of := range p.pools {
		for _, r := range of.runners {
			if r.used > 0 || r.draining {
				continue
			}
			if now.Sub(r.idleSince) > p.opts.WarmFor || now.Sub(r.born) > maxAge {
				r.draining = true
				r.end()
				continue
			}
			idle = append(idle, r)
		}
	}
	if over := len(idle) - p.opts.Warm; over > 0 {
		slices.SortFunc(idle, func(a, b *runner) int { return a.idleSince.Compare(b.idleSince) })
		for _, r := range idle[:over] {
			r.draining = true
			r.end()
		}
	}
}

// Close lets what runs come to its end and ends all runners; when ctx ends, at once.
func (p *Pools) Close(ctx context.Context) error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return errors.New("the runner pools are closed already")
	}
	p.closed = true
	for r := range p.all {
		r.draining = true
		p.endIfDone(r)
	}
	p.signalEmpty()
	p.mu.Unlock()
	p.stop()
	p.keeping.Wait()
	var err error
	select {
	case <-p.empty:
	case <-ctx.Done():
		err = fmt.Errorf("runners were ended while scripts ran: %w", ctx.Err())
		p.mu.Lock()
		for r := range p.all {
			r.kill(nil)
		}
		p.mu.Unlock()
		<-p.empty
	}
	p.compiling.Wait()
	p.release()
	return err
}

func softLine(memory int64) int64 { return memory / 10 * 6 }
