package dispatch

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"

	"github.com/causeway-dev/causeway/storage"
)

// ClientOptions say where Temporal is.
type ClientOptions struct {
	Address   string
	Namespace string
	APIKey    string
	TLS       *tls.Config
	Keys      *storage.Keyring // nil: this client carries no payloads
	Logger    *slog.Logger
}

// NewClient connects to Temporal with a client whose payloads and failure texts are encrypted. There is one in a process: eager starts
// need the starter and the worker to share it.
func NewClient(ctx context.Context, o ClientOptions) (client.Client, error) {
	options := client.Options{HostPort: o.Address, Namespace: o.Namespace, Logger: sdkLogger(o.Logger)}
	if o.Keys != nil {
		options.DataConverter, options.FailureConverter = converters(o.Keys)
	}
	options.ConnectionOptions.TLS = o.TLS
	if o.APIKey != "" {
		options.Credentials = client.NewAPIKeyStaticCredentials(o.APIKey)
	}
	c, err := client.DialContext(ctx, options)
	if err != nil {
		return nil, fmt.Errorf("Temporal at %s does not answer: %w", o.Address, err) //nolint:staticcheck // a name
	}
	return c, nil
}

// converters encrypt payloads, and messages, causes and stacks of failures; a failure's type, a wire code, stays readable.
func converters(keys *storage.Keyring) (converter.DataConverter, converter.FailureConverter) {
	data := converter.NewCodecDataConverter(guarded{converter.GetDefaultDataConverter()}, codec{keys})
	return data, temporal.NewDefaultFailureConverter(temporal.DefaultFailureConverterOptions{DataConverter: data, EncodeCommonAttributes: true})
}

func sdkLogger(log *slog.Logger) sdklog.Logger {
	return sdklog.NewStructuredLogger(slog.New(discreet{log.Handler()}))
}

// LoadTLS makes the TLS settings from files; the certificate is for mTLS.
func LoadTLS(certFile, keyFile, caFile, serverName string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: serverName}
	if certFile != "" {
		pair, err := tls.LoadX509KeyPair(certFile, keyFile)
		if err != nil {
			return nil, fmt.Errorf("temporal.tls.cert_file: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	if caFile != "" {
		pem, err := os.ReadFile(caFile)
		if err != nil {
			return nil, fmt.Errorf("temporal.tls.ca_file: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("temporal.tls.ca_file: %s holds no certificate", caFile)
		}
	}
	return c, nil
}

// discreet is a log handler that drops error texts and stack traces: the SDK writes those of activities and workflows, which may hold
// what a customer sent.
type discreet struct{ slog.Handler }

func (d discreet) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && d.Handler.Enabled(ctx, l)
}

func (d discreet) Handle(ctx context.Context, r slog.Record) error {
	clean := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	r.Attrs(func(a slog.Attr) bool {
		if !hidden(a) {
			clean.AddAttrs(a)
		}
		return true
	})
	return d.Handler.Handle(ctx, clean)
}

func (d discreet) WithAttrs(attrs []slog.Attr) slog.Handler {
	var kept []slog.Attr
	for _, a := range attrs {
		if !hidden(a) {
			kept = append(kept, a)
		}
	}
	return discreet{d.Handler.WithAttrs(kept)}
}

func (d discreet) WithGroup(name string) slog.Handler { return discreet{d.Handler.WithGroup(name)} }

func hidden(a slog.Attr) bool {
	switch a.Key {
	case "Error", "StackTrace", "PanicStack", "PanicError", "Panic":
		return true
	default:
		return false
	}
}
