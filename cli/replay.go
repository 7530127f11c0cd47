package cli

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/script"
	"github.com/causeway-dev/causeway/script/compile"
	"github.com/causeway-dev/causeway/script/journal"
	"github.com/causeway-dev/causeway/script/realm"
)

// errReplayDiffers ends the command with a failure after the report has said why.
var errReplayDiffers = errors.New("the replay differs from the recorded run")

func newReplay() *cobra.Command {
	c := &cobra.Command{
		Use:   "replay <run>",
		Short: "Run a past run again from its journal, offline, and show what differs",
		Long: `Run a past run again from its journal, and show what differs: calls, log lines, outcome. Nothing is called and nothing is saved.
The run is named by its id or by that of its operation in the logs. It must have kept a journal: see causeway journal.`,
		Example: `  causeway replay 00Vbzbaak2Rnc0O33v6y9I                              # the same script: the same run, to the byte
  causeway replay 00Vbzbaak2Rnc0O33v6y9I --with github/syncs/issues.ts  # a changed script: where it leaves the recorded way`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := newClient(cmd)
			if err != nil {
				return err
			}
			j, program, err := fetchJournal(cmd, api, args[0])
			if err != nil {
				return err
			}
			if changed, _ := cmd.Flags().GetString("with"); changed != "" {
				if program, err = lowered(changed); err != nil {
					return err
				}
			}
			return replay(cmd, j, program)
		},
	}
	c.Flags().String("with", "", "file of a changed script, in a project")
	return c
}

// fetchJournal gets the journal of a run, and the program that ran.
func fetchJournal(cmd *cobra.Command, api *client, run string) (*journal.Journal, string, error) {
	get := func(part string, use func(io.Reader) error) error {
		resp, err := api.send(cmd.Context(), http.MethodGet, "/runs/"+url.PathEscape(run)+"/"+part, nil)
		if err != nil {
			return err
		}
		defer func() { _ = resp.Body.Close() }()
		return use(resp.Body)
	}
	var j *journal.Journal
	var program []byte
	err := get("journal", func(r io.Reader) (err error) { j, err = journal.Read(r); return err })
	if err == nil {
		err = get("program", func(r io.Reader) (err error) { program, err = io.ReadAll(r); return err })
	}
	return j, string(program), err
}

// lowered bundles a file of a project as a deploy does.
func lowered(path string) (string, error) {
	file, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	dir := filepath.Dir(filepath.Dir(filepath.Dir(file))) // <project>/<integration>/<syncs|actions|on-events>/<name>.ts
	entries, err := compile.Entries(dir)
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		if filepath.Join(dir, filepath.FromSlash(e.File)) != file {
			continue
		}
		text, _, err := compile.Bundle(dir, e)
		if err != nil {
			return "", err
		}
		result := compile.Lower(script.CompileJob{Name: e.Integration + "/" + e.Name, Text: text})
		if result.Code != "" {
			return "", fmt.Errorf("%s: %s [%s]", e.File, result.Message, result.Code)
		}
		return string(result.Lowered), nil
	}
	return "", usageError{fmt.Errorf("--with: index.ts of %s does not name %s", dir, path)}
}

func replay(cmd *cobra.Command, j *journal.Journal, text string) error {
	useUTC()
	engine, err := realm.New(realm.Options{})
	if err != nil {
		return err
	}
	program, err := engine.Compile(j.Start.Script, []byte(text))
	if err != nil {
		return err
	}
	r := journal.NewReplayer(j)
	report := r.Report(engine.Run(cmd.Context(), program, r.Begin(), r))
	if err := report.Print(cmd.OutOrStdout()); err != nil {
		return err
	}
	if !report.Same() {
		return errReplayDiffers
	}
	return nil
}

func newJournal() *cobra.Command {
	c := &cobra.Command{
		Use:   "journal [off|failures|all|default]",
		Short: "Show or say which runs keep a journal of their calls",
		Long: `A journal holds what a run asked for and was told, so that causeway replay can run it again. Without an argument the settings of the
environment are shown; with one they are changed, for the environment or, with the flags, for one function.`,
		Example: `  causeway journal failures
  causeway journal all --integration github --type sync --name issues`,
		Args:      cobra.MatchAll(cobra.MaximumNArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{causeway.JournalOff, causeway.JournalFailures, causeway.JournalAll, "default"},
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := newClient(cmd)
			if err != nil {
				return err
			}
			var settings struct {
				Mode      string            `json:"mode"`
				Functions map[string]string `json:"functions"`
			}
			if len(args) == 0 {
				err = api.call(cmd.Context(), http.MethodGet, "/scripts/journal", nil, &settings)
			} else {
				body := map[string]any{"mode": strings.TrimPrefix(args[0], "default")}
				for flag, field := range map[string]string{"integration": "provider_config_key", "type": "type", "name": "name"} {
					if v, _ := cmd.Flags().GetString(flag); v != "" {
						body[field] = v
					}
				}
				err = api.call(cmd.Context(), http.MethodPut, "/scripts/journal", body, &settings)
			}
			if err != nil {
				return err
			}
			if settings.Mode == "" {
				settings.Mode = "the platform's default (scripts.journal)"
			}
			out := cmd.OutOrStdout()
			_, err = fmt.Fprintf(out, "environment: %s\n", settings.Mode)
			for _, name := range slices.Sorted(maps.Keys(settings.Functions)) {
				fmt.Fprintf(out, "%s: %s\n", name, settings.Functions[name])
			}
			return err
		},
	}
	c.Flags().String("integration", "", "key of the function's integration")
	c.Flags().String("type", "", "sync, action or on-event")
	c.Flags().String("name", "", "name of the function")
	return c
}
