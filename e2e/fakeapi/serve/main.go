// Command serve runs the fake APIs beside a platform under test. Its switches are requests to itself:
//
//	PUT    /_answers<path prefix>   body: a JSON list of answers, given one after the other, the last one again and again
//	GET    /_requests               what has come in, raw bytes included (base64)
//	DELETE /_requests               forget it
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"

	"github.com/causeway-dev/causeway/e2e/fakeapi"
)

func main() {
	address := flag.String("addr", "127.0.0.1:18090", "where to listen")
	issues := flag.Int("issues", 250, "GitHub issues of each repository")
	contacts := flag.Int("contacts", 250, "HubSpot contacts")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	s, err := fakeapi.Start(ctx, *address)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	defer s.Close()
	s.Vendors(*issues, *contacts)
	s.Handle("/_answers", func(r *fakeapi.Request) fakeapi.Answer {
		var answers []fakeapi.Answer
		if err := json.Unmarshal(r.Body, &answers); err != nil || len(answers) == 0 {
			return fakeapi.JSON(400, `{"error":"a list of answers is wanted"}`)
		}
		s.Answer(strings.TrimPrefix(r.Path(), "/_answers"), answers...)
		return fakeapi.Status(204)
	})
	s.Handle("/_requests", func(r *fakeapi.Request) fakeapi.Answer {
		if r.Method == "DELETE" {
			s.Forget()
			return fakeapi.Status(204)
		}
		raw, err := json.Marshal(s.Requests())
		if err != nil {
			return fakeapi.Status(500)
		}
		return fakeapi.JSON(200, string(raw))
	})
	fmt.Println("outside APIs on", s.URL())
	<-ctx.Done()
}
