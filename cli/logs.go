package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func newLogs() *cobra.Command {
	c := &cobra.Command{
		Use:   "logs [words]",
		Short: "Operations and their messages; with --follow as they happen",
		Long:  "Lists operations, newest last. Words are looked for in the text of messages; the last one may be unfinished.",
		Example: "  causeway logs --follow\n" +
			"  causeway logs --state failed --type sync\n" +
			"  causeway logs --operation 0VqvK1rXk…   (its messages)",
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := newClient(cmd)
			if err != nil {
				return err
			}
			l := &logViewer{api: api, out: cmd.OutOrStdout()}
			if id, _ := cmd.Flags().GetString("operation"); id != "" {
				return l.messages(cmd.Context(), id)
			}
			if err := l.search(cmd, strings.Join(args, " ")); err != nil {
				return err
			}
			if follow, _ := cmd.Flags().GetBool("follow"); follow {
				return l.follow(cmd.Context())
			}
			return nil
		},
	}
	f := c.Flags()
	f.BoolP("follow", "f", false, "stay, and print operations and messages as they happen")
	f.String("operation", "", "print the messages of one operation")
	f.StringSlice("state", nil, "waiting, running, success, failed, timeout, cancelled")
	f.StringSlice("type", nil, "sync, action, proxy, deploy, …; or with the action: sync:run")
	f.StringSlice("integration", nil, "key of the integration")
	f.StringSlice("connection", nil, "id of the connection")
	f.StringSlice("function", nil, "name of the function")
	f.Int("limit", 20, "operations to list (at most 500)")
	return c
}

// logViewer prints logs as lines for a terminal.
type logViewer struct {
	api *client
	out io.Writer
}

type operationView struct {
	ID         string    `json:"id"`
	Type       string    `json:"type"`
	Action     string    `json:"action"`
	State      string    `json:"state"`
	CreatedAt  time.Time `json:"created_at"`
	DurationMs *int64    `json:"duration_ms"`
	Names      struct {
		Integration string `json:"integration"`
		Connection  string `json:"connection"`
		Function    string `json:"function"`
	} `json:"names"`
	Error *struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

type messageView struct {
	OperationID string          `json:"operation_id"`
	CreatedAt   time.Time       `json:"created_at"`
	Level       string          `json:"level"`
	Text        string          `json:"text"`
	Meta        json.RawMessage `json:"meta"`
}

func (l *logViewer) search(cmd *cobra.Command, query string) error {
	f := cmd.Flags()
	list := func(name string) []string { v, _ := f.GetStringSlice(name); return v }
	limit, _ := f.GetInt("limit")
	body := map[string]any{
		"states": list("state"), "types": list("type"), "integrations": list("integration"), "connections": list("connection"),
		"functions": list("function"), "query": query, "limit": limit,
	}
	var answer struct {
		Data []operationView `json:"data"`
	}
	if err := l.api.call(cmd.Context(), http.MethodPost, logsPath+"search", body, &answer); err != nil {
		return err
	}
	slices.Reverse(answer.Data)
	for _, o := range answer.Data {
		l.operation(o)
	}
	return nil
}

// logsPath is where the log handlers are; "-" stands for the environment that the key belongs to.
const logsPath = "/api/ui/v1/-/logs/"

func (l *logViewer) messages(ctx context.Context, id string) error {
	var all []messageView
	for before := ""; ; {
		var page struct {
			Data []messageView `json:"data"`
			Page struct {
				Before string `json:"before"`
			} `json:"page"`
		}
		if err := l.api.call(ctx, http.MethodPost, logsPath+"operations/"+url.PathEscape(id)+"/messages", map[string]any{"before": before, "limit": 500}, &page); err != nil {
			return err
		}
		all = append(all, page.Data...)
		if before = page.Page.Before; before == "" {
			break
		}
	}
	slices.Reverse(all)
	for _, m := range all {
		l.message(m)
	}
	return nil
}

func (l *logViewer) operation(o operationView) {
	took := ""
	if o.DurationMs != nil {
		took = (time.Duration(*o.DurationMs) * time.Millisecond).String()
	}
	subject := strings.Trim(strings.Join([]string{o.Names.Integration, o.Names.Connection, o.Names.Function}, "/"), "/")
	why := ""
	if o.Error != nil {
		why = strings.TrimSpace(o.Error.Code + " " + o.Error.Message)
	}
	l.print("%s  %s  %-9s %-24s %-40s %8s %s", o.CreatedAt.Local().Format("15:04:05.000"), o.ID, o.State, o.Type+":"+o.Action, subject, took, why)
}

func (l *logViewer) message(m messageView) {
	meta := ""
	if len(m.Meta) > 0 && string(m.Meta) != "null" {
		meta = " " + string(m.Meta)
	}
	l.print("%s  %s  %-9s %s%s", m.CreatedAt.Local().Format("15:04:05.000"), m.OperationID, m.Level, m.Text, meta)
}

func (l *logViewer) print(format string, args ...any) {
	_, _ = fmt.Fprintln(l.out, strings.TrimRight(fmt.Sprintf(format, args...), " "))
}

// follow reads the event stream, and comes back after a break at the event where it was.
func (l *logViewer) follow(ctx context.Context) error {
	last := ""
	for ctx.Err() == nil {
		err := l.stream(ctx, &last)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // Ctrl-C
		}
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			if _, answered := errors.AsType[*apiError](err); answered {
				return err
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
	return nil
}

func (l *logViewer) stream(ctx context.Context, last *string) error {
	body, err := l.api.stream(ctx, "/api/ui/v1/-/stream?topics=logs", *last)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 1<<20)
	event, data := "", ""
	for lines.Scan() {
		switch line := lines.Text(); {
		case strings.HasPrefix(line, "id: "):
			*last = line[4:]
		case strings.HasPrefix(line, "event: "):
			event = line[7:]
		case strings.HasPrefix(line, "data: "):
			data = line[6:]
		case line == "":
			l.event(event, data)
			event, data = "", ""
		}
	}
	return lines.Err()
}

func (l *logViewer) event(event, data string) {
	switch {
	case strings.HasPrefix(event, "operation."):
		var o operationView
		if json.Unmarshal([]byte(data), &o) == nil {
			l.operation(o)
		}
	case event == "message.appended":
		var all []messageView
		if json.Unmarshal([]byte(data), &all) == nil {
			for _, m := range all {
				l.message(m)
			}
		}
	}
}
