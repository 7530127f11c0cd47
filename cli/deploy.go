package cli

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/causeway-dev/causeway/script/compile"
)

// sdkVersion tells the server which runtime the scripts were written for: definitions, as opposed to the older style.
const sdkVersion = "0.71.4-zero"

func newCompile() *cobra.Command {
	return &cobra.Command{
		Use:   "compile",
		Short: "Check and bundle the scripts of the project in this folder",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			flows, err := flows(".")
			if err != nil {
				return err
			}
			for _, f := range flows.all() {
				if _, err := fmt.Fprintf(cmd.OutOrStdout(), "%-8s %s/%s  %d bytes\n", f.kind, f.integration, f.name, f.bytes); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func newDeploy() *cobra.Command {
	c := &cobra.Command{
		Use:   "deploy",
		Short: "Deploy the scripts of the project in this folder",
		Long:  "Bundles the scripts that index.ts names, shows what would be added, changed and removed, asks, and deploys.\nThe platform is found by CAUSEWAY_URL and CAUSEWAY_API_KEY, else it is the causeway dev of this folder or one above it.",
		Args:  cobra.NoArgs,
		RunE:  runDeploy,
	}
	c.Flags().Bool("auto-confirm", false, "deploy without asking")
	return c
}

// deployment is what the two deploy calls send.
type deployment struct {
	FlowConfigs   []flow         `json:"flowConfigs"`
	Events        []providerFlow `json:"onEventScriptsByProvider"`
	NangoYamlBody *string        `json:"nangoYamlBody,omitempty"`
	Reconcile     bool           `json:"reconcile"`
	Debug         bool           `json:"debug"`
	DeployMode    string         `json:"deployMode"`
	SDKVersion    string         `json:"sdkVersion"`
}

type flow struct {
	Type         string          `json:"type"`
	Name         string          `json:"syncName"`
	Integration  string          `json:"providerConfigKey"`
	Models       []string        `json:"models"`
	Runs         *string         `json:"runs"`
	AutoStart    bool            `json:"auto_start"`
	TrackDeletes bool            `json:"track_deletes"`
	SyncType     string          `json:"sync_type,omitempty"`
	Input        *string         `json:"input,omitempty"`
	Endpoints    json.RawMessage `json:"endpoints"`
	Webhooks     []string        `json:"webhookSubscriptions"`
	Version      string          `json:"version,omitempty"`
	Attributes   struct{}        `json:"attributes"`
	Metadata     flowMetadata    `json:"metadata"`
	ModelsSchema json.RawMessage `json:"models_json_schema"`
	Features     []string        `json:"features"`
	FileBody     fileBody        `json:"fileBody"`
}

type flowMetadata struct {
	Description string   `json:"description,omitempty"`
	Scopes      []string `json:"scopes"`
}

type fileBody struct {
	JS string `json:"js"`
	TS string `json:"ts"`
}

type providerFlow struct {
	Integration string      `json:"providerConfigKey"`
	Scripts     []eventFlow `json:"scripts"`
}

type eventFlow struct {
	Name     string   `json:"name"`
	Event    string   `json:"event"`
	FileBody fileBody `json:"fileBody"`
}

type listed struct {
	kind, integration, name string
	bytes                   int
}

func (d *deployment) all() []listed {
	var out []listed
	for _, f := range d.FlowConfigs {
		out = append(out, listed{f.Type, f.Integration, f.Name, len(f.FileBody.JS)})
	}
	for _, p := range d.Events {
		for _, s := range p.Scripts {
			out = append(out, listed{"on-event", p.Integration, s.Name, len(s.FileBody.JS)})
		}
	}
	return out
}

// flows bundles a project.
func flows(dir string) (*deployment, error) {
	entries, err := compile.Entries(dir)
	if err != nil {
		return nil, err
	}
	d := &deployment{FlowConfigs: []flow{}, Events: []providerFlow{}, DeployMode: "all", SDKVersion: sdkVersion}
	var failed []error
	for _, e := range entries {
		if err := d.add(dir, e); err != nil {
			failed = append(failed, err)
		}
	}
	return d, errors.Join(failed...)
}

func (d *deployment) add(dir string, e compile.Entry) error {
	js, ts, err := compile.Bundle(dir, e)
	if err != nil {
		return err
	}
	def, err := compile.Define(e, js)
	if err != nil {
		return err
	}
	body := fileBody{string(js), string(ts)}
	if def.Type == "onEvent" {
		d.event(e, eventFlow{e.Name, def.Event, body})
		return nil
	}
	f := flow{
		Type: def.Type, Name: e.Name, Integration: e.Integration, Models: def.Models, AutoStart: def.AutoStart, TrackDeletes: def.TrackDeletes, SyncType: def.SyncType,
		Endpoints: def.Endpoints, Webhooks: def.Webhooks, Version: def.Version, Metadata: flowMetadata{def.Description, def.Scopes}, ModelsSchema: def.Schema, Features: def.Features, FileBody: body,
	}
	if f.Features == nil {
		f.Features = []string{}
	}
	if def.Type == "sync" {
		f.Runs = &def.Frequency
	}
	if def.Input != "" {
		f.Input = &def.Input
	}
	d.FlowConfigs = append(d.FlowConfigs, f)
	return nil
}

func (d *deployment) event(e compile.Entry, s eventFlow) {
	for i := range d.Events {
		if d.Events[i].Integration == e.Integration {
			d.Events[i].Scripts = append(d.Events[i].Scripts, s)
			return
		}
	}
	d.Events = append(d.Events, providerFlow{e.Integration, []eventFlow{s}})
}

// plan is what the server says a deploy would do.
type plan struct {
	NewSyncs, UpdatedSyncs, DeletedSyncs []struct {
		Name              string
		ProviderConfigKey string
		Connections       int
	}
	NewActions, UpdatedActions, DeletedActions []struct {
		Name              string
		ProviderConfigKey string
	}
	NewOnEventScripts, UpdatedOnEventScripts, DeletedOnEventScripts []struct {
		Name              string
		ProviderConfigKey string
		Event             string
	}
	DeletedModels []string
}

// print writes the plan, a line per function, and says whether anything is removed.
func (p *plan) print(w io.Writer) (lines int, removes bool) {
	line := func(sign, kind, integration, name, more string) {
		lines++
		removes = removes || sign == "-"
		_, _ = fmt.Fprintf(w, "  %s %-8s %s/%s%s\n", sign, kind, integration, name, more)
	}
	for _, s := range p.NewSyncs {
		line("+", "sync", s.ProviderConfigKey, s.Name, connections(s.Connections))
	}
	for _, a := range p.NewActions {
		line("+", "action", a.ProviderConfigKey, a.Name, "")
	}
	for _, e := range p.NewOnEventScripts {
		line("+", "on-event", e.ProviderConfigKey, e.Name, " ("+e.Event+")")
	}
	for _, s := range p.UpdatedSyncs {
		line("~", "sync", s.ProviderConfigKey, s.Name, connections(s.Connections))
	}
	for _, a := range p.UpdatedActions {
		line("~", "action", a.ProviderConfigKey, a.Name, "")
	}
	for _, e := range p.UpdatedOnEventScripts {
		line("~", "on-event", e.ProviderConfigKey, e.Name, " ("+e.Event+")")
	}
	for _, s := range p.DeletedSyncs {
		line("-", "sync", s.ProviderConfigKey, s.Name, connections(s.Connections))
	}
	for _, a := range p.DeletedActions {
		line("-", "action", a.ProviderConfigKey, a.Name, "")
	}
	for _, e := range p.DeletedOnEventScripts {
		line("-", "on-event", e.ProviderConfigKey, e.Name, " ("+e.Event+")")
	}
	if len(p.DeletedModels) > 0 {
		lines++
		_, _ = fmt.Fprintf(w, "  - models   %s\n", strings.Join(p.DeletedModels, ", "))
	}
	return lines, removes
}

func connections(n int) string {
	switch n {
	case 0:
		return ""
	case 1:
		return "  (1 connection)"
	default:
		return fmt.Sprintf("  (%d connections)", n)
	}
}

func runDeploy(cmd *cobra.Command, _ []string) error {
	api, err := newClient(cmd)
	if err != nil {
		return err
	}
	d, err := flows(".")
	if err != nil {
		return err
	}
	ctx, w := cmd.Context(), cmd.OutOrStdout()
	var p plan
	if err := api.call(ctx, http.MethodPost, "/sync/deploy/confirmation", d, &p); err != nil {
		return withHint(err)
	}
	_, _ = fmt.Fprintln(w, "Plan (+ added, ~ changed, - removed):")
	lines, removes := p.print(w)
	if lines == 0 {
		_, _ = fmt.Fprintln(w, "  nothing changes")
	}
	if confirmed, _ := cmd.Flags().GetBool("auto-confirm"); !confirmed && lines > 0 {
		question := "Deploy? [y/N] "
		if removes {
			question = "Deploy, and remove what is marked with a minus? [y/N] "
		}
		_, _ = fmt.Fprint(w, question)
		answer, err := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
			return errors.New("nothing was deployed")
		}
	}
	yaml := ""
	d.NangoYamlBody, d.Reconcile = &yaml, true
	var done []struct {
		Name, Version, ProviderConfigKey, Type string
	}
	if err := api.call(ctx, http.MethodPost, "/sync/deploy", d, &done); err != nil {
		return withHint(err)
	}
	for _, f := range done {
		_, _ = fmt.Fprintf(w, "deployed %s %s/%s@v%s\n", f.Type, f.ProviderConfigKey, f.Name, f.Version)
	}
	return nil
}

// withHint adds the command that mends the usual first mistake.
func withHint(err error) error {
	if e, ok := errors.AsType[*apiError](err); ok && e.Code == "unknown_provider_config" {
		return fmt.Errorf("%w\n  make it with: causeway integrations create <key> --provider <name>", err)
	}
	return err
}
