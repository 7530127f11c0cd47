package demo

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Task is what the API holds.
type Task struct {
	ID        string    `json:"id"`
	Title     string    `json:"title"`
	Done      bool      `json:"done"`
	UpdatedAt time.Time `json:"updated_at"`
}

const (
	firstTasks   = 250
	defaultLimit = 50
	maxLimit     = 100
)

// Server is a running demo API. What was created is gone when it ends.
type Server struct {
	server   *http.Server
	listener net.Listener
	done     chan struct{}

	mu    sync.Mutex
	tasks []Task // by UpdatedAt, then id
}

// Start serves on an address of loopback; port 0 is a free one.
func Start(ctx context.Context, address string) (*Server, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("start the demo API: %w", err)
	}
	s := &Server{listener: listener, done: make(chan struct{}), tasks: seed(time.Now())}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/tasks", s.list)
	mux.HandleFunc("POST /v1/tasks", s.create)
	s.server = &http.Server{Handler: authorized(mux), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(s.done)
		_ = s.server.Serve(listener)
	}()
	return s, nil
}

// seed makes the first tasks, one a minute up to now.
func seed(now time.Time) []Task {
	out := make([]Task, firstTasks)
	for i := range out {
		out[i] = Task{
			ID: fmt.Sprintf("task-%04d", i+1), Title: fmt.Sprintf("Task %d", i+1), Done: i%3 == 0,
			UpdatedAt: now.Add(time.Duration(i-firstTasks) * time.Minute).UTC().Truncate(time.Millisecond),
		}
	}
	return out
}

// URL is the base URL of the API.
func (s *Server) URL() string { return "http://" + s.listener.Addr().String() }

// Stop ends the server.
func (s *Server) Stop(ctx context.Context) error {
	err := s.server.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.server.Close())
	}
	<-s.done
	return err
}

func authorized(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if key, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); !ok || key == "" {
			refuse(w, http.StatusUnauthorized, "send any key as Authorization: Bearer …")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// list answers a page of tasks, the least recently updated first: {"tasks":[…],"next_cursor":"…"}, without next_cursor on the
// last one.
func (s *Server) list(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	limit, offset := defaultLimit, 0
	var since time.Time
	for name, parse := range map[string]func(string) error{
		"limit": func(v string) (err error) { limit, err = strconv.Atoi(v); return err },
		"cursor": func(v string) (err error) {
			offset, err = strconv.Atoi(v)
			return err
		},
		"updated_since": func(v string) (err error) { since, err = time.Parse(time.RFC3339, v); return err },
	} {
		if v := q.Get(name); v != "" {
			if err := parse(v); err != nil {
				refuse(w, http.StatusBadRequest, name+" can't be read")
				return
			}
		}
	}
	limit, offset = min(max(limit, 1), maxLimit), max(offset, 0)

	s.mu.Lock()
	from, _ := slices.BinarySearchFunc(s.tasks, since, func(t Task, since time.Time) int { return t.UpdatedAt.Compare(since) })
	rest := s.tasks[min(from+offset, len(s.tasks)):]
	page := struct {
		Tasks []Task `json:"tasks"`
		Next  string `json:"next_cursor,omitempty"`
	}{Tasks: slices.Clone(rest[:min(limit, len(rest))])}
	if len(rest) > limit {
		page.Next = strconv.Itoa(offset + limit)
	}
	s.mu.Unlock()
	if page.Tasks == nil {
		page.Tasks = []Task{}
	}
	answer(w, http.StatusOK, page)
}

func (s *Server) create(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Title string `json:"title"`
		Done  bool   `json:"done"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&in); err != nil || in.Title == "" {
		refuse(w, http.StatusUnprocessableEntity, "title is missing")
		return
	}
	s.mu.Lock()
	task := Task{ID: fmt.Sprintf("task-%04d", len(s.tasks)+1), Title: in.Title, Done: in.Done, UpdatedAt: time.Now().UTC().Truncate(time.Millisecond)}
	s.tasks = append(s.tasks, task)
	slices.SortFunc(s.tasks, func(a, b Task) int { return cmp.Or(a.UpdatedAt.Compare(b.UpdatedAt), cmp.Compare(a.ID, b.ID)) })
	s.mu.Unlock()
	answer(w, http.StatusCreated, task)
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func refuse(w http.ResponseWriter, status int, message string) {
	answer(w, status, map[string]string{"error": message})
}
