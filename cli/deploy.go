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
		Long: "Checks the scripts that index.ts names, with the project's TypeScript if it is installed, and writes their bundles to build/ and what they\n" +
			"define to .causeway/nango.json. Deploying does the same by itself.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := buildProject(cmd, ".")
			if err != nil {
				return err
			}
			if err := writeBuild(p, "."); err != nil {
				return err
			}
			for _, s := range p.Scripts {
				if _, err := fmt.Fprintf(cmd.OutOrStdout(), "%-8s %s/%s  %d bytes\n", kindOf[s.Definition.Type], s.Integration, s.Name, len(s.JS)); err != nil {
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

// deploymentOf is what is sent of a project.
func deploymentOf(p *compile.Project) *deployment {
	d := &deployment{FlowConfigs: []flow{}, Events: []providerFlow{}, DeployMode: "all", SDKVersion: sdkVersion}
	for _, s := range p.Scripts {
		body := fileBody{string(s.JS), string(s.Source)}
		if s.Definition.Type == "onEvent" {
			d.event(s.Entry, eventFlow{s.Name, s.Definition.Event, body})
			continue
		}
		d.FlowConfigs = append(d.FlowConfigs, flowOf(s, body))
	}
	return d
}

func flowOf(s compile.Script, body fileBody) flow {
	def := s.Definition
	f := flow{
		Type: def.Type, Name: s.Name, Integration: s.Integration, Models: def.Models, AutoStart: def.AutoStart, TrackDeletes: def.TrackDeletes, SyncType: def.SyncType,
		Endpoints: def.Endpoints, Webhooks: def.Webhooks, Version: def.Version, Metadata: flowMetadata{def.Description, def.Scopes}, ModelsSchema: def.Schema,
		Features: append([]string{}, def.Features...), FileBody: body,
	}
	if def.Type == "sync" {
		f.Runs = &def.Frequency
	}
	if def.Input != "" {
		f.Input = &def.Input
	}
	return f
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
		removes = true
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
	p, err := buildProject(cmd, ".")
	if err != nil {
		return err
	}
	d := deploymentOf(p)
	if len(p.Scripts) == 0 {
		return errors.New("there is nothing to deploy")
	}
	ctx, w := cmd.Context(), cmd.OutOrStdout()
	var changes plan
	if err := api.call(ctx, http.MethodPost, "/sync/deploy/confirmation", d, &changes); err != nil {
		return withHint(err)
	}
	if ok, err := confirm(cmd, &changes); err != nil || !ok {
		return err
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

// confirm shows the plan and asks. Without a person at the other end there is no yes.
func confirm(cmd *cobra.Command, changes *plan) (bool, error) {
	w := cmd.OutOrStdout()
	_, _ = fmt.Fprintln(w, "Plan (+ added, ~ changed, - removed):")
	lines, removes := changes.print(w)
	if lines == 0 {
		_, _ = fmt.Fprintln(w, "  nothing changes")
		return true, nil
	}
	if confirmed, _ := cmd.Flags().GetBool("auto-confirm"); confirmed {
		return true, nil
	}
	question := "Deploy? [y/N] "
	if removes {
		question = "Deploy, and remove what is marked with a minus? [y/N] "
	}
	_, _ = fmt.Fprint(w, question)
	answer, err := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return true, nil
	case "":
		if errors.Is(err, io.EOF) {
			return false, errors.New("nothing was deployed: there is nobody to ask; --auto-confirm deploys without asking")
		}
	}
	return false, errors.New("nothing was deployed")
}

// withHint adds the command that mends the usual first mistake.
func withHint(err error) error {
	if e, ok := errors.AsType[*apiError](err); ok && e.Code == "unknown_provider_config" {
		return fmt.Errorf("%w\n  make it with: causeway integrations create <key> --provider <name>", err)
	}
	return err
}
