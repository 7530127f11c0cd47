package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// fakeAPI is the outside: it answers from memory in microseconds.
type fakeAPI struct {
	url   string
	ticks atomic.Int64
}

type item struct {
	ID     string  `json:"id"`
	Name   string  `json:"name"`
	Email  string  `json:"email"`
	Rev    int     `json:"rev"`
	Amount float64 `json:"amount"`
	Body   string  `json:"body"`
}

func startFake() (*fakeAPI, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	f := &fakeAPI{url: "http://" + l.Addr().String()}
	one, err := json.Marshal(map[string]string{"id": "one", "body": strings.Repeat("x", 1000)})
	if err != nil {
		return nil, err
	}
	tick := []byte(`{"id":"tick","body":"` + strings.Repeat("t", 100) + `"}`)
	mux := http.NewServeMux()
	send := func(w http.ResponseWriter, body []byte) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	}
	mux.HandleFunc("GET /one", func(w http.ResponseWriter, _ *http.Request) { send(w, one) })
	mux.HandleFunc("GET /tick", func(w http.ResponseWriter, _ *http.Request) { f.ticks.Add(1); send(w, tick) })
	mux.HandleFunc("GET /items", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		number := func(name string) int { n, _ := strconv.Atoi(q.Get(name)); return n }
		body, err := json.Marshal(map[string]any{"items": items(number("offset"), number("limit"), number("total"), number("rev"))})
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		send(w, body)
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(l) }()
	return f, nil
}

// items makes a page; each revision changes another hundredth of the records.
func items(offset, limit, total, rev int) []item {
	page := make([]item, 0, limit)
	for n := offset; n < min(offset+limit, total); n++ {
		r := 0
		if rev > 0 && n%100 == rev%100 {
			r = rev
		}
		page = append(page, item{
			ID: fmt.Sprintf("item-%07d", n), Name: fmt.Sprintf("Item number %d", n), Email: fmt.Sprintf("user%d@example.com", n),
			Rev: r, Amount: float64(n) * 1.25, Body: strings.Repeat(strconv.Itoa(n%10), 820),
		})
	}
	return page
}
