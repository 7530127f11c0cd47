package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/causeway-dev/causeway/config"
	"github.com/causeway-dev/causeway/migrations"
	"github.com/causeway-dev/causeway/storage"
)

// schema is one of the two sets of tables, and where it lies: both may lie in one database.
type schema struct {
	name  string
	url   string
	files fs.FS
	open  func(ctx context.Context, url string, files fs.FS) (*storage.Migrator, error)
}

func schemas(conf *config.Loaded) []schema {
	return []schema{
		{"control", directURL(conf), migrations.Control, storage.OpenMigrator},
		{"records", recordsURL(conf), migrations.Records(), storage.OpenRecordsMigrator},
	}
}

// with opens the migrator for f.
func (s schema) with(ctx context.Context, f func(*storage.Migrator) error) error {
	m, err := s.open(ctx, s.url, s.files)
	if err == nil {
		defer func() { _ = m.Close() }()
		err = f(m)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	return nil
}

// migrate brings both schemas to this program's version.
func migrate(ctx context.Context, conf *config.Loaded, said func(schema string, applied int)) error {
	for _, s := range schemas(conf) {
		if err := s.with(ctx, func(m *storage.Migrator) error {
			n, err := m.Up(ctx)
			if err == nil {
				said(s.name, n)
			}
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

// errPending refuses a database that is older than this program. It may come: another process migrates it.
var errPending = errors.New("the database is older than this program: run causeway migrate up")

// migrated refuses databases that are older than this program. Newer ones are fine: what one release adds, the next one requires.
func migrated(ctx context.Context, conf *config.Loaded) error {
	for _, s := range schemas(conf) {
		if err := s.with(ctx, func(m *storage.Migrator) error {
			pending, err := m.Pending(ctx)
			if err == nil && pending {
				err = errPending
			}
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

func newMigrate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the databases to this program's version, or take that back",
		Long: "Bring the databases to this program's version, or take that back.\n" +
			"There are two sets of tables: control (database.direct_url, else database.url) and records (records.url, else database.url).\n" +
			"One process migrates at a time; others wait for it.",
	}
	cmd.AddCommand(
		&cobra.Command{
			Use: "status", Short: "List the migrations and whether each is applied", Args: cobra.NoArgs,
			RunE: migrating(migrationStatus),
		},
		&cobra.Command{
			Use: "up", Short: "Apply what is missing", Args: cobra.NoArgs,
			RunE: migrating(func(cmd *cobra.Command, conf *config.Loaded) error {
				return migrate(cmd.Context(), conf, func(schema string, applied int) {
					switch applied {
					case 0:
						fmt.Fprintf(cmd.OutOrStdout(), "%s: up to date\n", schema)
					default:
						fmt.Fprintf(cmd.OutOrStdout(), "%s: %d applied\n", schema, applied)
					}
				})
			}),
		},
		newMigrateDown(),
	)
	return cmd
}

// migrating reads the settings of a command that needs nothing but the databases.
func migrating(f func(*cobra.Command, *config.Loaded) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		conf, err := load(cmd)
		if err != nil {
			return err
		}
		if err := needSettings(conf, "database.url"); err != nil {
			return err
		}
		return f(cmd, conf)
	}
}

func migrationStatus(cmd *cobra.Command, conf *config.Loaded) error {
	ctx := cmd.Context()
	t := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	for _, s := range schemas(conf) {
		if err := s.with(ctx, func(m *storage.Migrator) error {
			all, err := m.Status(ctx)
			for _, file := range all {
				state := "missing"
				if file.Applied {
					state = "applied"
				}
				fmt.Fprintf(t, "%s\t%s\t%s\n", s.name, file.Name, state)
			}
			return err
		}); err != nil {
			return err
		}
	}
	return t.Flush()
}

func newMigrateDown() *cobra.Command {
	cmd := &cobra.Command{
		Use: "down control|records", Short: "Take back the newest migration of one set of tables: what it added is lost",
		Args: cobra.ExactArgs(1), ValidArgs: []string{"control", "records"},
	}
	yes := cmd.Flags().Bool("yes", false, "don't ask")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return migrating(func(cmd *cobra.Command, conf *config.Loaded) error {
			for _, s := range schemas(conf) {
				if s.name == args[0] {
					return s.with(cmd.Context(), func(m *storage.Migrator) error { return takeBack(cmd, m, *yes) })
				}
			}
			return usageError{fmt.Errorf("%q is neither control nor records", args[0])}
		})(cmd, nil)
	}
	return cmd
}

// takeBack takes back the newest applied file, after asking.
func takeBack(cmd *cobra.Command, m *storage.Migrator, yes bool) error {
	ctx, out := cmd.Context(), cmd.OutOrStdout()
	all, err := m.Status(ctx)
	if err != nil {
		return err
	}
	newest := ""
	for _, file := range all {
		if file.Applied {
			newest = file.Name
		}
	}
	if newest == "" {
		return errors.New("nothing is applied")
	}
	if !yes {
		fmt.Fprintf(out, "Take back %s? What it added is lost, with everything in it. [y/N] ", newest)
		answer, err := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
			return errors.New("nothing was taken back (without a person to ask, give --yes)")
		}
	}
	if err := m.Down(ctx); err != nil {
		return err
	}
	fmt.Fprintf(out, "took back %s\n", newest)
	return nil
}
