package worker

import (
	"context"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/causeway-dev/causeway/script"
	"github.com/causeway-dev/causeway/script/sourcemap"
)

const (
	loadWithin = 10 * time.Second // a source map
	maxMaps    = 32               // that are kept
	maxMapKept = 4 << 20          // bytes of the largest that is kept
	maxHeld    = 64               // log lines of a run that wait for its map
)

// maps are the source maps that were asked for lately.
type maps struct {
	get   func(ctx context.Context, key string) ([]byte, error)
	known *lru.Cache[string, *sourcemap.Map]
}

func newMaps(get func(ctx context.Context, key string) ([]byte, error)) *maps {
	known, err := lru.New[string, *sourcemap.Map](maxMaps)
	if err != nil {
		panic(err) // the size is a constant
	}
	return &maps{get: get, known: known}
}

// load gives nil for a map that can't be had: places stay those of the lowered text then.
func (m *maps) load(ctx context.Context, key string) *sourcemap.Map {
	if known, ok := m.known.Get(key); ok {
		return known
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadWithin)
	defer cancel()
	raw, err := m.get(ctx, key)
	if err != nil {
		return nil
	}
	parsed, err := sourcemap.Parse(raw)
	if err != nil {
		parsed = nil
	}
	if parsed == nil || parsed.Size() <= maxMapKept {
		m.known.Add(key, parsed)
	}
	return parsed
}

// placed is the host of a run whose log lines and errors name places of the author's sources. Most runs name none, so the map is loaded
// when the first place is met. Log must not wait for that: it is called where a runner's frames are read.
type placed struct {
	script.Host
	file string // of the script, in stack traces
	load func() *sourcemap.Map

	ready chan struct{} // closed when the map is there and what waited for it is written

	mu     sync.Mutex
	begun  bool
	loaded bool
	known  *sourcemap.Map
	held   []heldLine
}

func newPlaced(host script.Host, file string, load func() *sourcemap.Map) *placed {
	return &placed{Host: host, file: file, load: load, ready: make(chan struct{})}
}

type heldLine struct {
	run  *script.Run
	note script.LogNote
	body []byte
}

// Log stores a line, at once if it names no place.
func (p *placed) Log(run *script.Run, note script.LogNote, body []byte) {
	if !sourcemap.Names(body, p.file) || !p.hold(heldLine{run, note, body}) {
		p.Host.Log(run, note, p.rewrite(body))
	}
}

// hold keeps a line until the map is there; false if it can be written now. The frame that the line came in is used again: it is copied.
func (p *placed) hold(l heldLine) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.loaded || len(p.held) >= maxHeld {
		return false
	}
	l.body = append([]byte(nil), l.body...)
	p.held = append(p.held, l)
	if !p.begun {
		p.begun = true
		go p.fetch()
	}
	return true
}

func (p *placed) fetch() {
	defer close(p.ready)
	m := p.load()
	p.mu.Lock()
	held := p.held
	p.known, p.loaded, p.held = m, true, nil
	p.mu.Unlock()
	for _, l := range held {
		p.Host.Log(l.run, l.note, p.rewrite(l.body))
	}
}

func (p *placed) rewrite(text []byte) []byte {
	p.mu.Lock()
	m := p.known
	p.mu.Unlock()
	if m == nil || len(text) == 0 {
		return text
	}
	return m.Rewrite(text, p.file)
}

// finish writes the lines that still wait, and puts places into what the run failed with.
func (p *placed) finish(result *script.Result) {
	p.mu.Lock()
	begun, needed := p.begun, sourcemap.Names(result.Error, p.file)
	p.begun = begun || needed
	p.mu.Unlock()
	switch {
	case begun:
		<-p.ready
	case needed:
		p.fetch()
	}
	if needed {
		result.Error = p.rewrite(result.Error)
	}
}
