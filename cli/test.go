package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"github.com/causeway-dev/causeway/providers"
	"github.com/causeway-dev/causeway/script/spec"
)

func newTest() *cobra.Command {
	c := &cobra.Command{
		Use:   "test [path]",
		Short: "Run the project's tests, and its recorded fixtures",
		Long: "Runs the test files below a folder (*.test.ts, *.spec.ts), and the fixtures in tests/ that none of them uses, in this process: there is no\n" +
			"network in tests, and no Node is needed. A test's name is <file> :: <titles>.\n" +
			"Ends with 0 if all passed, 1 if one failed, 2 if there was nothing to run.",
		Args: func(cmd *cobra.Command, args []string) error {
			if err := cobra.MaximumNArgs(1)(cmd, args); err != nil {
				return usageError{err}
			}
			return nil
		},
		RunE: runTests,
	}
	c.Flags().String("filter", "", "run the tests whose name has a match of this regular expression")
	c.Flags().String("json", "", "write a report to this file; - is standard output")
	c.Flags().Int("parallel", 0, "files at once (default: one per processor)")
	c.Flags().Bool("update", false, "write what the scripts produced into snapshots, in the place of what was recorded")
	return c
}

func runTests(cmd *cobra.Command, args []string) error {
	o, err := testOptions(cmd, args)
	if err != nil {
		return err
	}
	useUTC()
	debug.SetGCPercent(400) // realms are short-lived: memory is cheaper than collecting it
	report, err := spec.Run(cmd.Context(), o)
	if err != nil {
		if _, usage := errors.AsType[*spec.UsageError](err); usage {
			return usageError{err}
		}
		return err
	}
	return showReport(cmd, report)
}

// useUTC gives scripts the time zone that they have on the platform. Only commands that run scripts in this process call it, first.
func useUTC() { time.Local = time.UTC } //nolint:gosmopolitan,reassign // as said

func testOptions(cmd *cobra.Command, args []string) (spec.Options, error) {
	o := spec.Options{Path: "."}
	if len(args) > 0 {
		o.Path = args[0]
	}
	flags := cmd.Flags()
	if pattern, _ := flags.GetString("filter"); pattern != "" {
		filter, err := regexp.Compile(pattern)
		if err != nil {
			return o, usageError{fmt.Errorf("--filter: %w", err)}
		}
		o.Filter = filter
	}
	o.Parallel, _ = flags.GetInt("parallel")
	o.Update, _ = flags.GetBool("update")
	catalog, err := providers.Load()
	if err != nil {
		return o, fmt.Errorf("load the catalog of providers: %w", err)
	}
	o.Paginate = func(name string) json.RawMessage {
		if p, ok := catalog.Provider(name); ok {
			return p.Proxy.Paginate
		}
		return nil
	}
	w := cmd.ErrOrStderr()
	o.Failed = func(t *spec.Test) { _, _ = io.WriteString(w, t.Describe()) }
	o.Print = func(file, level, text string) { _, _ = fmt.Fprintf(w, "%s: %s: %s\n", file, level, text) }
	return o, nil
}

// showReport prints what came of the tests. The closing line is alone on standard output, unless the report is there.
func showReport(cmd *cobra.Command, report *spec.Report) error {
	w, closing := cmd.ErrOrStderr(), cmd.OutOrStdout()
	for _, line := range report.Summary() {
		_, _ = fmt.Fprintln(w, line)
	}
	for _, e := range report.Errors {
		_, _ = fmt.Fprintf(w, "ERROR %s: %s\n", e.File, e.Message)
	}
	for _, name := range report.Updated {
		_, _ = fmt.Fprintln(w, "wrote", name)
	}
	if report.Warning != "" {
		_, _ = fmt.Fprintln(w, "warning:", report.Warning)
	}
	if name, _ := cmd.Flags().GetString("json"); name != "" {
		raw, err := json.MarshalIndent(report, "", "  ")
		if err != nil {
			return err
		}
		if name == "-" {
			closing = w
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s\n", raw)
		} else {
			err = os.WriteFile(name, append(raw, '\n'), 0o644) //nolint:gosec // a report for whoever may read the folder
		}
		if err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
	}
	if _, err := fmt.Fprintln(closing, report.Closing()); err != nil {
		return err
	}
	if !report.OK() {
		return errors.New("the tests failed")
	}
	return nil
}
