package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

func newIntegrations() *cobra.Command {
	c := &cobra.Command{Use: "integrations", Short: "Providers configured in the environment"}
	create := &cobra.Command{
		Use:     "create <key>",
		Short:   "Configure a provider under a key",
		Example: "  causeway integrations create github --provider github",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			provider, _ := cmd.Flags().GetString("provider")
			body := map[string]any{"unique_key": args[0], "provider": provider}
			if id, _ := cmd.Flags().GetString("client-id"); id != "" {
				secret, _ := cmd.Flags().GetString("client-secret")
				body["credentials"] = map[string]any{"type": "OAUTH2", "client_id": id, "client_secret": secret}
			}
			api, err := newClient(cmd)
			if err != nil {
				return err
			}
			if err := api.call(cmd.Context(), http.MethodPost, "/integrations", body, nil); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "integration %s made (provider %s)\n", args[0], provider)
			return err
		},
	}
	create.Flags().String("provider", "", "name of the provider in the catalog (required)")
	create.Flags().String("client-id", "", "OAuth client id of your developer app")
	create.Flags().String("client-secret", "", "its secret")
	_ = create.MarkFlagRequired("provider")
	list := &cobra.Command{
		Use:   "list",
		Short: "List them",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var answer struct {
				Data []struct {
					Key      string `json:"unique_key"`
					Provider string `json:"provider"`
				} `json:"data"`
			}
			return fetchTable(cmd, "/integrations", &answer, func(t *tabwriter.Writer) {
				for _, i := range answer.Data {
					_, _ = fmt.Fprintf(t, "%s\t%s\n", i.Key, i.Provider)
				}
			})
		},
	}
	c.AddCommand(create, list)
	return c
}

func newConnections() *cobra.Command {
	c := &cobra.Command{Use: "connections", Short: "Credentials of end users"}
	create := &cobra.Command{
		Use:   "create <connection id>",
		Short: "Import credentials as a connection",
		Example: "  causeway connections create ada --integration demo --api-key K\n" +
			"  causeway connections create ada --integration github --access-token T",
		Args: cobra.ExactArgs(1),
		RunE: createConnection,
	}
	f := create.Flags()
	f.String("integration", "", "key of the integration (required)")
	f.String("api-key", "", "an API key")
	f.String("username", "", "user name (basic authentication)")
	f.String("password", "", "password (basic authentication)")
	f.String("access-token", "", "an OAuth 2 access token")
	f.String("refresh-token", "", "an OAuth 2 refresh token")
	f.StringToString("config", nil, "connection configuration, name=value")
	f.String("metadata", "", "metadata, a JSON object")
	_ = create.MarkFlagRequired("integration")
	list := &cobra.Command{
		Use:   "list",
		Short: "List them, newest first",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var answer struct {
				Connections []struct {
					ID          string `json:"connection_id"`
					Integration string `json:"provider_config_key"`
					Created     string `json:"created"`
				} `json:"connections"`
			}
			return fetchTable(cmd, "/connections?limit=1000", &answer, func(t *tabwriter.Writer) {
				for _, x := range answer.Connections {
					_, _ = fmt.Fprintf(t, "%s\t%s\t%s\n", x.Integration, x.ID, x.Created)
				}
			})
		},
	}
	c.AddCommand(create, list)
	return c
}

func createConnection(cmd *cobra.Command, args []string) error {
	credentials, err := credentialFlags(cmd)
	if err != nil {
		return err
	}
	f := cmd.Flags()
	integration, _ := f.GetString("integration")
	body := map[string]any{"connection_id": args[0], "provider_config_key": integration, "credentials": credentials}
	if settings, _ := f.GetStringToString("config"); len(settings) > 0 {
		body["connection_config"] = settings
	}
	if text, _ := f.GetString("metadata"); text != "" {
		var metadata map[string]any
		if err := json.Unmarshal([]byte(text), &metadata); err != nil {
			return usageError{errors.New("--metadata: has to be a JSON object")}
		}
		body["metadata"] = metadata
	}
	api, err := newClient(cmd)
	if err != nil {
		return err
	}
	if err := api.call(cmd.Context(), http.MethodPost, "/connections", body, nil); err != nil {
		return err
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "connection %s of %s made\n", args[0], integration)
	return err
}

// credentialFlags makes the credentials of the one kind that the flags name.
func credentialFlags(cmd *cobra.Command) (map[string]any, error) {
	f := cmd.Flags()
	text := func(name string) string { s, _ := f.GetString(name); return s }
	given := 0
	for _, name := range []string{"api-key", "username", "access-token"} {
		if f.Changed(name) {
			given++
		}
	}
	if given > 1 {
		return nil, usageError{errors.New("give one of --api-key, --username with --password, and --access-token")}
	}
	switch {
	case f.Changed("api-key"):
		return map[string]any{"type": "API_KEY", "apiKey": text("api-key")}, nil
	case f.Changed("username"):
		return map[string]any{"type": "BASIC", "username": text("username"), "password": text("password")}, nil
	case f.Changed("access-token"):
		c := map[string]any{"type": "OAUTH2", "access_token": text("access-token")}
		if f.Changed("refresh-token") {
			c["refresh_token"] = text("refresh-token")
		}
		return c, nil
	default:
		return map[string]any{"type": "NONE"}, nil
	}
}

// fetchTable reads a list and prints it in columns.
func fetchTable(cmd *cobra.Command, path string, answer any, rows func(*tabwriter.Writer)) error {
	api, err := newClient(cmd)
	if err != nil {
		return err
	}
	if err := api.call(cmd.Context(), http.MethodGet, path, nil, answer); err != nil {
		return err
	}
	t := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	rows(t)
	return t.Flush()
}

func newRun() *cobra.Command {
	c := &cobra.Command{
		Use:     "run <action>",
		Short:   "Run an action and print its output",
		Example: `  causeway run create-task --integration demo --connection ada --input '{"title":"x"}'`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			integration, _ := cmd.Flags().GetString("integration")
			connection, _ := cmd.Flags().GetString("connection")
			body := map[string]any{"action_name": args[0]}
			if text, _ := cmd.Flags().GetString("input"); text != "" {
				if !json.Valid([]byte(text)) {
					return usageError{errors.New("--input: has to be JSON")}
				}
				body["input"] = json.RawMessage(text)
			}
			api, err := newClient(cmd)
			if err != nil {
				return err
			}
			var output json.RawMessage
			if err := api.call(cmd.Context(), http.MethodPost, "/action/trigger", body, &output,
				"Provider-Config-Key", integration, "Connection-Id", connection); err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), string(output))
			return err
		},
	}
	c.Flags().String("integration", "", "key of the integration (required)")
	c.Flags().String("connection", "", "id of the connection (required)")
	c.Flags().String("input", "", "input of the action, as JSON")
	_ = c.MarkFlagRequired("integration")
	_ = c.MarkFlagRequired("connection")
	return c
}
