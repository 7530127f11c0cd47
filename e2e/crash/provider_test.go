//go:build e2e

package crash

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// provider is the outside API. It lists the items of a connection in pages, in the generation that is asked for, and counts the side
// effects that actions have on it. It runs in the test process: nothing happens to it.
type provider struct {
	*httptest.Server
	s       shape
	mu      sync.Mutex
	newest  map[string]int // generation by connection
	effects map[string]int // by action
	reads   int            // pages that were asked for
}

type item struct {
	ID string `json:"id"`
	V  int    `json:"v"` // generation in which the item was changed last
}

func newProvider(t *testing.T, s shape) *provider {
	t.Helper()
	p := &provider{s: s, newest: map[string]int{}, effects: map[string]int{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /effects/{id}", p.effect)
	mux.HandleFunc("GET /newest/{connection}", p.generation)
	mux.HandleFunc("GET /pages/{connection}/{generation}/{page}", p.page)
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p
}

// advance makes a connection's items change, and returns the generation that they are in from now on.
func (p *provider) advance(connection string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.newest[connection]++
	return p.newest[connection]
}

// effect is what an action does: it happens when the request is there, whatever becomes of the answer.
func (p *provider) effect(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.effects[r.PathValue("id")]++
	p.mu.Unlock()
	wait, _ := strconv.Atoi(r.URL.Query().Get("ms"))
	select {
	case <-time.After(time.Duration(wait) * time.Millisecond):
	case <-r.Context().Done():
	}
	reply(w, map[string]string{"id": r.PathValue("id")})
}

func (p *provider) happened(id string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.effects[id]
}

func (p *provider) generation(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	reply(w, map[string]int{"generation": p.newest[r.PathValue("connection")]})
}

func (p *provider) page(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.reads++
	p.mu.Unlock()
	g, err := strconv.Atoi(r.PathValue("generation"))
	page, err2 := strconv.Atoi(r.PathValue("page"))
	if err != nil || err2 != nil {
		http.NotFound(w, r)
		return
	}
	select {
	case <-time.After(p.s.pageDelay):
	case <-r.Context().Done():
		return
	}
	out := struct {
		Items []item `json:"items"`
		Next  *int   `json:"next"`
	}{Items: []item{}}
	for n := (page-1)*p.s.perPage + 1; n <= min(page*p.s.perPage, p.s.items); n++ {
		if v, there := version(n, g); there {
			out.Items = append(out.Items, item{itemID(n), v})
		}
	}
	if page*p.s.perPage < p.s.items {
		next := page + 1
		out.Next = &next
	}
	reply(w, out)
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func itemID(n int) string { return fmt.Sprintf("item-%05d", n) }

// missing says whether an item is gone in a generation; it is back in the next one.
func missing(n, generation int) bool { return generation > 1 && (n+generation)%50 == 0 }

// version is the generation in which an item was changed last: each changes a seventh of them, and one that comes back is a new one.
func version(n, generation int) (v int, there bool) {
	for g := 1; g <= generation; g++ {
		if g == 1 || n%7 == g%7 || missing(n, g-1) && !missing(n, g) {
			v = g
		}
	}
	return v, !missing(n, generation)
}

// expected are the items of a generation.
func expected(s shape, generation int) map[string]int {
	out := map[string]int{}
	for n := 1; n <= s.items; n++ {
		if v, there := version(n, generation); there {
			out[itemID(n)] = v
		}
	}
	return out
}

// script files of the project that is deployed.
func scripts() map[string]string {
	const action = `import { createAction } from 'nango';
import * as z from 'zod';

export default createAction({
    description: 'Has one side effect, under a lock',
    version: '1.0.0',
    input: z.object({ id: z.string(), ms: z.number() }),
    output: z.any(),
    exec: async (nango, input) => {
        const locked = await nango.tryAcquireLock({ key: 'effect-' + input.id, ttlMs: 600000 });
        if (!locked) throw new nango.ActionError({ message: 'somebody else has the lock' });
        await nango.post({ endpoint: '/effects/' + input.id + '?ms=' + input.ms, retries: 0 });
        return { id: input.id };
    }
});
`
	const sync = `import { createSync } from 'nango';
import * as z from 'zod';

export default createSync({
    description: 'All items of one generation, page by page',
    version: '1.0.0',
    frequency: 'every 30 seconds',
    autoStart: true,
    models: { Item: z.object({ id: z.string(), v: z.number() }) },
    checkpoint: z.object({ page: z.number(), generation: z.number() }),
    exec: async (nango) => {
        const checkpoint = await nango.getCheckpoint();
        const connection = nango.connectionId;
        let page: number | null = 1;
        let generation: number;
        if (checkpoint) {
            page = checkpoint.page as number;
            generation = checkpoint.generation as number;
        } else {
            const newest = await nango.get<{ generation: number }>({ endpoint: '/newest/' + connection, retries: 3 });
            generation = newest.data.generation;
        }
        if (page === 1) await nango.trackDeletesStart('Item');
        while (page) {
            const res = await nango.get<{ items: { id: string; v: number }[]; next: number | null }>({ endpoint: '/pages/' + connection + '/' + generation + '/' + page, retries: 3 });
            await nango.batchSave(res.data.items, 'Item');
            page = res.data.next;
            if (page) await nango.saveCheckpoint({ page, generation });
        }
        await nango.clearCheckpoint();
        await nango.trackDeletesEnd('Item');
    }
});
`
	return map[string]string{
		"index.ts":                "import './crash/syncs/items.js';\nimport './crash/actions/effect.js';\n",
		"package.json":            `{"name":"crash","type":"module"}`,
		"crash/syncs/items.ts":    strings.TrimSpace(sync) + "\n",
		"crash/actions/effect.ts": action,
	}
}
