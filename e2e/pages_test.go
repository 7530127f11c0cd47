//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// pages is an outside API that lists items in pages, counts who asks for what, and can be told to hold a page back.
type pages struct {
	*httptest.Server
	mu      sync.Mutex
	total   int
	perPage int
	asked   map[int]int // requests by page
	created map[string]int
	hold    int // page that is held back; 0: none
	held    chan struct{}
	release chan struct{}
}

func newPages(t *testing.T, total, perPage int) *pages {
	t.Helper()
	p := &pages{total: total, perPage: perPage, asked: map[int]int{}, created: map[string]int{}}
	p.Server = httptest.NewServer(http.HandlerFunc(p.serve))
	t.Cleanup(p.Close)
	return p
}

// holdBack makes the next request for a page wait. The first channel is closed when it is there, the second lets it go on.
func (p *pages) holdBack(page int) (there <-chan struct{}, goOn func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hold, p.held, p.release = page, make(chan struct{}), make(chan struct{})
	return p.held, sync.OnceFunc(func() { close(p.release) })
}

func (p *pages) requests(page int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked[page]
}

func (p *pages) effects(id string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.created[id]
}

func (p *pages) serve(w http.ResponseWriter, r *http.Request) {
	if id, ok := strings.CutPrefix(r.URL.Path, "/create/"); ok {
		p.mu.Lock()
		p.created[id]++
		p.mu.Unlock()
		_, _ = w.Write([]byte(`{"ok":true}`))
		return
	}
	page, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/pages/"))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	p.mu.Lock()
	p.asked[page]++
	var release chan struct{}
	if page == p.hold {
		p.hold, release = 0, p.release
		close(p.held)
	}
	p.mu.Unlock()
	if release != nil {
		select {
		case <-release:
		case <-r.Context().Done():
			return
		}
	}
	type item struct {
		ID string `json:"id"`
		N  int    `json:"n"`
	}
	answer := struct {
		Items []item `json:"items"`
		Next  *int   `json:"next"`
	}{Items: []item{}}
	for n := (page-1)*p.perPage + 1; n <= min(page*p.perPage, p.total); n++ {
		answer.Items = append(answer.Items, item{fmt.Sprintf("item-%05d", n), n})
	}
	if page*p.perPage < p.total {
		next := page + 1
		answer.Next = &next
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

// pagesProject has a sync over the pages, with a checkpoint after each, and actions of several kinds.
func pagesProject(t *testing.T) string {
	t.Helper()
	return project(t, map[string]string{
		"index.ts":     "import './pages/syncs/items.js';\nimport './pages/actions/create.js';\nimport './pages/actions/big.js';\nimport './pages/actions/slow.js';\nimport './pages/actions/fail.js';\n",
		"package.json": `{"name":"pages","type":"module"}`,
		"pages/syncs/items.ts": `import { createSync } from 'nango';
import * as z from 'zod';

export default createSync({
    description: 'Items, page by page',
    version: '1.0.0',
    frequency: 'every hour',
    autoStart: true,
    models: { Item: z.object({ id: z.string(), n: z.number() }) },
    checkpoint: z.object({ page: z.number() }),
    exec: async (nango) => {
        const checkpoint = await nango.getCheckpoint();
        let page: number | null = checkpoint ? (checkpoint.page as number) : 1;
        while (page) {
            const res = await nango.get<{ items: { id: string; n: number }[]; next: number | null }>({ endpoint: '/pages/' + page, retries: 3 });
            await nango.batchSave(res.data.items, 'Item');
            page = res.data.next;
            if (page) await nango.saveCheckpoint({ page });
        }
        await nango.clearCheckpoint();
    }
});
`,
		"pages/actions/create.ts": action("z.object({ id: z.string() })", "await nango.post({ endpoint: '/create/' + input.id }); return { id: input.id };"),
		"pages/actions/big.ts":    action("z.object({ bytes: z.number() })", "return 'x'.repeat(input.bytes - 2);"),
		"pages/actions/slow.ts":   action("z.object({ id: z.string() })", "await nango.post({ endpoint: '/create/' + input.id }); await nango.get({ endpoint: '/pages/9' }); return 'done';"),
		"pages/actions/fail.ts":   action("z.void()", "throw new nango.ActionError({ message: 'as asked', n: 7 });"),
	})
}

func action(input, body string) string {
	return `import { createAction } from 'nango';
import * as z from 'zod';

const action = createAction({
    description: 'An action of the tests',
    version: '1.0.0',
    input: ` + input + `,
    output: z.any(),
    exec: async (nango, input) => {
        ` + body + `
    }
});

export default action;
`
}
