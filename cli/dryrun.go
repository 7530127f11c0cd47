package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/causeway-dev/causeway/providers"
	"github.com/causeway-dev/causeway/script/compile"
	"github.com/causeway-dev/causeway/script/dryrun"
	"github.com/causeway-dev/causeway/script/realm"
)

func newDryRun() *cobra.Command {
	c := &cobra.Command{
		Use:   "dryrun <function> <connection id>",
		Short: "Run a function here, against a connection of the platform",
		Long: "Runs a sync or an action of the project in this folder with a real connection: calls of the provider go through the platform's proxy, with\n" +
			"the connection's credentials. Records, checkpoints and deletions stay in memory and are shown. What the function sends to the provider, and\n" +
			"metadata that it sets, is real.",
		Example: "  causeway dryrun tasks first --checkpoint '{\"updated_at\":\"2026-01-01T00:00:00Z\"}'\n" +
			"  causeway dryrun create-task first --input '{\"title\":\"try\"}' --save",
		Args: func(cmd *cobra.Command, args []string) error {
			if err := cobra.ExactArgs(2)(cmd, args); err != nil {
				return usageError{err}
			}
			return nil
		},
		RunE: runDry,
	}
	f := c.Flags()
	f.StringP("environment", "e", "", "environment, whose key is taken from CAUSEWAY_API_KEY_<NAME> if that is set")
	f.String("integration-id", "", "key of the integration, if several have a function of this name")
	f.StringP("input", "i", "", "input of an action: JSON, or @file")
	f.StringP("metadata", "m", "", "metadata in the place of the connection's: JSON, or @file; what the function sets is then not stored")
	f.StringP("checkpoint", "c", "", "checkpoint to begin with: JSON, or @file")
	f.StringP("lastSyncDate", "l", "", "date of the last run, for syncs that ask for it")
	f.String("variant", "", "variant of the sync")
	f.Bool("validation", false, "fail if input, output or records are not what their schemas say")
	f.Bool("save", false, "write what passed through to <integration>/tests/<function>.test.json, for causeway test")
	f.Bool("diagnostics", false, "show how long it took")
	return c
}

func runDry(cmd *cobra.Command, args []string) error {
	useUTC()
	api, err := newClient(cmd)
	if err != nil {
		return err
	}
	environment, _ := cmd.Flags().GetString("environment")
	if key := os.Getenv("CAUSEWAY_API_KEY_" + strings.ToUpper(strings.ReplaceAll(environment, "-", "_"))); environment != "" && key != "" {
		api.key = key
	}
	o, err := dryOptions(cmd, api, args[0], args[1])
	if err != nil {
		return err
	}
	o.Environment = environment
	engine, err := realm.New(realm.Options{})
	if err != nil {
		return err
	}
	result, failed := dryrun.Run(cmd.Context(), engine, dryPlatform{api}, *o)
	if result != nil {
		if err := showDry(cmd, o, result); err != nil {
			return err
		}
	}
	if failed != nil {
		return failed
	}
	if save, _ := cmd.Flags().GetBool("save"); save {
		return saveFixture(cmd, o, result)
	}
	return nil
}

// dryOptions finds the function and the connection, and reads what the flags give.
func dryOptions(cmd *cobra.Command, api *client, name, connection string) (*dryrun.Options, error) {
	integration, _ := cmd.Flags().GetString("integration-id")
	e, err := findEntry(cmd.Context(), api, name, connection, integration)
	if err != nil {
		return nil, err
	}
	js, _, err := compile.Bundle(".", *e)
	if err != nil {
		return nil, err
	}
	d, err := compile.Define(*e, js)
	if err != nil {
		return nil, err
	}
	w := cmd.ErrOrStderr()
	o := &dryrun.Options{
		Entry: *e, Bundle: js, Definition: d, Integration: first(integration, e.Integration), ConnectionID: connection, Limit: dryLimit,
		Log: func(level, message string, meta json.RawMessage) {
			if len(meta) > 0 && string(meta) != "null" {
				message += " " + string(meta)
			}
			_, _ = fmt.Fprintf(w, "%-5s %s\n", level, message)
		},
		Warn: func(text string) { _, _ = fmt.Fprintln(w, "warning:", text) },
	}
	if err := dryFlags(cmd, o); err != nil {
		return nil, err
	}
	return o, lookUp(cmd.Context(), api, o)
}

// dryLimit is how long a dry run may take.
const dryLimit = 24 * time.Hour

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// findEntry finds the function in the project. If integrations share its name, the connection tells which is meant.
func findEntry(ctx context.Context, api *client, name, connection, integration string) (*compile.Entry, error) {
	entries, err := compile.Entries(".")
	if err != nil {
		return nil, err
	}
	found := slices.DeleteFunc(entries, func(e compile.Entry) bool { return e.Name != name || integration != "" && e.Integration != integration })
	if len(found) > 1 {
		var answer struct {
			Connections []struct {
				Key string `json:"provider_config_key"`
			} `json:"connections"`
		}
		if err := api.call(ctx, http.MethodGet, "/connections?connectionId="+url.QueryEscape(connection), nil, &answer); err != nil {
			return nil, err
		}
		found = slices.DeleteFunc(found, func(e compile.Entry) bool {
			for _, c := range answer.Connections {
				if c.Key == e.Integration {
					return false
				}
			}
			return true
		})
	}
	switch {
	case len(found) == 0:
		return nil, fmt.Errorf("index.ts names no function %s that fits: the name is that of its file", name)
	case len(found) > 1:
		return nil, usageError{fmt.Errorf("several functions are named %s: choose one with --integration-id", name)}
	}
	return &found[0], nil
}

// lookUp makes sure that the connection exists, and finds the provider's pagination defaults.
func lookUp(ctx context.Context, api *client, o *dryrun.Options) error {
	path := "/connection/" + url.PathEscape(o.ConnectionID) + "?provider_config_key=" + url.QueryEscape(o.Integration)
	if err := api.call(ctx, http.MethodGet, path, nil, nil, "Nango-Is-Dry-Run", "true"); err != nil {
		return fmt.Errorf("the connection %s of %s: %w", o.ConnectionID, o.Integration, err)
	}
	var answer struct {
		Data struct {
			Provider string `json:"provider"`
		} `json:"data"`
	}
	if err := api.call(ctx, http.MethodGet, "/integrations/"+url.PathEscape(o.Integration), nil, &answer); err != nil {
		return err
	}
	o.Provider = answer.Data.Provider
	catalog, err := providers.Load() //nolint:contextcheck // reads what is embedded
	if err != nil {
		return fmt.Errorf("load the catalog of providers: %w", err)
	}
	if p, ok := catalog.Provider(o.Provider); ok {
		o.Paginate = p.Proxy.Paginate
	}
	return nil
}

func dryFlags(cmd *cobra.Command, o *dryrun.Options) error {
	f := cmd.Flags()
	for name, to := range map[string]*json.RawMessage{"input": &o.Input, "metadata": &o.Metadata, "checkpoint": &o.Checkpoint} {
		text, _ := f.GetString(name)
		if file, ok := strings.CutPrefix(text, "@"); ok {
			raw, err := os.ReadFile(file) //nolint:gosec // the user names it
			if err != nil {
				return usageError{fmt.Errorf("--%s: %w", name, err)}
			}
			text = string(raw)
		}
		if text == "" {
			continue
		}
		if !json.Valid([]byte(text)) {
			return usageError{fmt.Errorf("--%s is not JSON", name)}
		}
		*to = json.RawMessage(text)
	}
	o.Variant, _ = f.GetString("variant")
	o.Validate, _ = f.GetBool("validation")
	date, _ := f.GetString("lastSyncDate")
	if date == "" {
		return nil
	}
	for _, layout := range []string{time.RFC3339, time.DateTime, time.DateOnly} {
		if at, err := time.Parse(layout, date); err == nil {
			o.LastSyncDate = &at
			return nil
		}
	}
	return usageError{fmt.Errorf("--lastSyncDate %s: write it as in 2026-01-31T12:00:00Z", date)}
}

// maxShown is how many records of a model are printed.
const maxShown = 10

func showDry(cmd *cobra.Command, o *dryrun.Options, r *dryrun.Result) error {
	w := cmd.OutOrStdout()
	if o.Definition.Type == "action" {
		if len(r.Output) > 0 {
			if _, err := fmt.Fprintf(w, "%s\n", r.Output); err != nil {
				return err
			}
		}
	} else {
		for _, m := range o.Definition.Models {
			_, _ = fmt.Fprintf(w, "%s: %d would be saved, %d updated, %d deleted\n", m, len(r.Saved[m]), len(r.Updated[m]), len(r.Deleted[m]))
			for _, list := range []struct {
				sign string
				rows []json.RawMessage
			}{{"+", r.Saved[m]}, {"~", r.Updated[m]}, {"-", r.Deleted[m]}} {
				for _, row := range list.rows[:min(len(list.rows), maxShown)] {
					_, _ = fmt.Fprintf(w, "  %s %s\n", list.sign, row)
				}
				if more := len(list.rows) - maxShown; more > 0 {
					_, _ = fmt.Fprintf(w, "  %s … and %d more\n", list.sign, more)
				}
			}
		}
		if len(r.Checkpoint) > 0 {
			_, _ = fmt.Fprintf(w, "checkpoint: %s\n", r.Checkpoint)
		}
	}
	if diagnostics, _ := cmd.Flags().GetBool("diagnostics"); diagnostics {
		_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "%d requests, %d ms\n", r.Requests, r.Millis)
	}
	return nil
}

// saveFixture writes what passed through beside the function, where causeway test finds it.
func saveFixture(cmd *cobra.Command, o *dryrun.Options, r *dryrun.Result) error {
	if o.Definition.Type == "onEvent" {
		return errors.New("--save: on-event functions have no fixture")
	}
	raw, err := json.MarshalIndent(r.Fixture, "", "  ")
	if err != nil {
		return fmt.Errorf("write the fixture: %w", err)
	}
	name := filepath.Join(o.Entry.Integration, "tests", o.Entry.Name+".test.json")
	if err := writeFile(name, append(raw, '\n')); err != nil {
		return fmt.Errorf("write the fixture: %w", err)
	}
	_, err = fmt.Fprintln(cmd.ErrOrStderr(), "wrote", name)
	return err
}

// dryPlatform is the API as a dry run calls it: answers of any status, whole.
type dryPlatform struct{ client *client }

// Do makes a call of the platform.
func (p dryPlatform) Do(ctx context.Context, method, path string, header http.Header, body []byte) (*dryrun.Answer, error) {
	header = header.Clone()
	header.Set("Authorization", "Bearer "+p.client.key)
	header.Set("User-Agent", "causeway-cli/"+build+"; sdk")
	return p.do(ctx, method, p.client.base+path, header, body)
}

// Fetch makes a call of any address.
func (p dryPlatform) Fetch(ctx context.Context, method, address string, header http.Header, body []byte) (*dryrun.Answer, error) {
	return p.do(ctx, method, address, header, body)
}

func (p dryPlatform) do(ctx context.Context, method, address string, header http.Header, body []byte) (*dryrun.Answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(string(body)))
	if err != nil {
		return nil, err
	}
	req.Header = header
	resp, err := p.client.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	return &dryrun.Answer{Status: resp.StatusCode, Header: resp.Header, Body: raw, URL: resp.Request.URL.String()}, nil
}
