package storage_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/storage"
	"github.com/causeway-dev/causeway/storage/storagetest"
)

// Two processes on one database: what one changes, the other knows within 100 ms, although it had it cached.
func TestChangesReachOtherProcesses(t *testing.T) {
	t.Parallel()
	db := storagetest.URL(t)
	here, there := storagetest.Open(t, db), storagetest.Open(t, db)
	ctx := t.Context()
	e := storagetest.Seed(t, storagetest.Pool(t, db), "acme")
	secret, err := here.CreateKey(ctx, e.ID, "k", []string{"environment:*"})
	require.NoError(t, err)
	key, err := there.APIKey(ctx, secret)
	require.NoError(t, err)
	c, err := there.Connection(ctx, e.ID, e.IntegrationID, "c1")
	require.NoError(t, err)
	require.JSONEq(t, `{}`, string(c.Metadata))
	_, err = there.Integration(ctx, e.ID, "demo")
	require.NoError(t, err)

	within := func(what string, known func() bool) {
		t.Helper()
		begun := time.Now()
		require.Eventually(t, known, 5*time.Second, time.Millisecond, what)
		assert.Less(t, time.Since(begun), 100*time.Millisecond, what)
	}
	require.NoError(t, here.WriteMetadata(ctx, e.ID, e.IntegrationID, []string{"c1"}, json.RawMessage(`{"a":1}`), false))
	within("metadata", func() bool {
		c, err := there.Connection(ctx, e.ID, e.IntegrationID, "c1")
		return err == nil && string(c.Metadata) == `{"a": 1}`
	})
	_, err = here.UpdateIntegration(ctx, e.ID, "demo", func(i *causeway.Integration) error { i.DisplayName = "New"; return nil })
	require.NoError(t, err)
	within("an integration", func() bool {
		i, err := there.Integration(ctx, e.ID, "demo")
		return err == nil && i.DisplayName == "New"
	})
	require.NoError(t, here.RevokeKey(ctx, e.ID, key.ID))
	within("a revoked key", func() bool { _, err := there.APIKey(ctx, secret); return err != nil })
	_, err = here.APIKey(ctx, secret)
	require.ErrorIs(t, err, storage.ErrUnknownKey, "the process itself knows at once")
	_, err = here.DeleteIntegration(ctx, e.ID, "demo")
	require.NoError(t, err)
	within("a deleted integration's connection", func() bool { _, err := there.Connection(ctx, e.ID, e.IntegrationID, "c1"); return err != nil })
}

// The connection that hears of changes is cut without a word, as a firewall does it: what is cached isn't believed for longer than the
// limit, and all is well again when the network is.
func TestACutListenerBelievesNothing(t *testing.T) {
	t.Parallel()
	db := storagetest.URL(t)
	e := storagetest.Seed(t, storagetest.Pool(t, db), "acme")
	here := storagetest.Open(t, db)
	cut := newRelay(t, db, nil)
	const stale = 600 * time.Millisecond
	there, err := storage.Open(t.Context(), storage.Hurried(storage.Options{URL: db, DirectURL: cut.url, Key: storagetest.Key}, 100*time.Millisecond, stale))
	require.NoError(t, err)
	t.Cleanup(there.Close)
	secret, err := here.CreateKey(t.Context(), e.ID, "k", []string{"environment:*"})
	require.NoError(t, err)
	key, err := there.APIKey(t.Context(), secret)
	require.NoError(t, err)

	cut.silent.Store(true)
	require.NoError(t, here.RevokeKey(t.Context(), e.ID, key.ID))
	begun := time.Now()
	require.Eventually(t, func() bool { _, err := there.APIKey(t.Context(), secret); return err != nil }, 10*time.Second, 5*time.Millisecond)
	assert.Less(t, time.Since(begun), stale+400*time.Millisecond)

	cut.silent.Store(false)
	again, err := here.CreateKey(t.Context(), e.ID, "again", []string{"environment:*"})
	require.NoError(t, err)
	_, err = there.APIKey(t.Context(), again)
	require.NoError(t, err)
}

// Behind a transaction pooler LISTEN succeeds and hears nothing: the start says which setting is missing, and with it all is well.
func TestBehindATransactionPooler(t *testing.T) {
	t.Parallel()
	db := storagetest.URL(t)
	pooler := newRelay(t, db, func(kind byte) bool { return kind != 'A' }) // no NotificationResponse comes through
	pooler.refuse = "statement_timeout"
	o := storage.Hurried(storage.Options{URL: pooler.url, Key: storagetest.Key, ExecMode: "exec"}, 100*time.Millisecond, 500*time.Millisecond)
	_, err := storage.Open(t.Context(), o)
	require.ErrorContains(t, err, "database.direct_url")
	assert.NotContains(t, err.Error(), "\n")

	o.DirectURL = db
	s, err := storage.Open(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	walkNouns(t, s)
}

// walkNouns does everything once that a server does with the nouns of an environment.
func walkNouns(t *testing.T, s *storage.Store) {
	t.Helper()
	ctx := t.Context()
	require.NoError(t, s.EnsureAccount(ctx, "default", []string{"dev"}, storage.DefaultLaneCaps()))
	e, err := s.EnvironmentByName(ctx, "default", "dev")
	require.NoError(t, err)
	require.NoError(t, s.SetVariables(ctx, e.ID, []causeway.Variable{{Name: "a", Value: "b"}}))
	variables, err := s.Variables(ctx, e.ID)
	require.NoError(t, err)
	assert.Equal(t, []causeway.Variable{{Name: "a", Value: "b"}}, variables)
	i := &causeway.Integration{EnvironmentID: e.ID, UniqueKey: "demo", Provider: "demo", Scopes: []string{"a,b"}, Config: map[string]string{"k": "v"}, Secrets: causeway.IntegrationSecrets{ClientID: "id"}}
	require.NoError(t, s.CreateIntegration(ctx, i))
	_, err = s.UpdateIntegration(ctx, e.ID, "demo", func(i *causeway.Integration) error { i.Scopes = nil; return nil })
	require.NoError(t, err)
	all, err := s.Integrations(ctx, e.ID)
	require.NoError(t, err)
	require.Len(t, all, 1)
	assert.Equal(t, "id", all[0].Secrets.ClientID)

	expires := time.Now().Add(time.Hour).Truncate(time.Microsecond)
	n := storage.NewConnection{
		IntegrationID: i.ID, ConnectionID: "c1", Config: map[string]any{"baseUrl": "http://x"}, SecretConfig: map[string]any{"userCredentials": "s"}, Metadata: json.RawMessage(`{"a":1}`),
		Tags: map[string]string{"plan": "gold"}, EndUser: &causeway.EndUser{EndUserID: "u1", Email: "u@x.test"}, Credentials: causeway.Credentials{"type": "API_KEY", "apiKey": "k"}, ExpiresAt: &expires,
	}
	made, created, err := s.SaveConnection(ctx, e.ID, n)
	require.NoError(t, err)
	assert.True(t, created)
	again, created, err := s.SaveConnection(ctx, e.ID, n)
	require.NoError(t, err)
	assert.False(t, created)
	assert.Equal(t, made.ID, again.ID)
	require.NoError(t, s.WriteMetadata(ctx, e.ID, i.ID, []string{"c1"}, json.RawMessage(`{"b":2}`), true))
	require.NoError(t, s.UpdateConnection(ctx, e.ID, i.ID, "c1", storage.ConnectionChange{Tags: map[string]string{"plan": "blue"}}))
	c, err := s.Connection(ctx, e.ID, i.ID, "c1")
	require.NoError(t, err)
	assert.JSONEq(t, `{"a":1,"b":2}`, string(c.Metadata))
	assert.Equal(t, "k", c.Credentials.Text("apiKey"))
	assert.Equal(t, map[string]any{"baseUrl": "http://x", "userCredentials": "s"}, c.Config)
	assert.Equal(t, map[string]string{"plan": "blue"}, c.Tags)
	listed, err := s.Connections(ctx, e.ID, storage.ConnectionFilter{Search: "U@X", Tags: map[string]string{"plan": "blue"}, Limit: 10})
	require.NoError(t, err)
	require.Len(t, listed, 1)
	assert.Nil(t, listed[0].Credentials)
	_, err = s.DeleteConnection(ctx, e.ID, i.ID, "c1")
	require.NoError(t, err)
	_, err = s.DeleteIntegration(ctx, e.ID, "demo")
	require.NoError(t, err)
}

func TestTheNounsOfAnEnvironment(t *testing.T) {
	t.Parallel()
	walkNouns(t, storagetest.New(t))
}

// relay passes connections on to a database. It can fall silent, and it can leave out messages of the server.
type relay struct {
	url    string
	target string
	silent atomic.Bool
	pass   func(kind byte) bool // nil: all
	refuse string               // a start-up parameter that it doesn't know

	open sync.WaitGroup
}

func newRelay(t *testing.T, db string, pass func(kind byte) bool) *relay {
	t.Helper()
	u, err := url.Parse(db)
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r := &relay{target: u.Host, pass: pass}
	u.Host = l.Addr().String()
	r.url = u.String()
	ctx, stop := context.WithCancel(context.Background())
	r.open.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			r.open.Go(func() { r.serve(ctx, conn) })
		}
	})
	t.Cleanup(func() {
		stop()
		_ = l.Close()
		r.open.Wait()
	})
	return r
}

func (r *relay) serve(ctx context.Context, client net.Conn) {
	defer func() { _ = client.Close() }()
	server, err := (&net.Dialer{}).DialContext(ctx, "tcp", r.target)
	if err != nil {
		return
	}
	ended := context.AfterFunc(ctx, func() { _, _ = client.Close(), server.Close() })
	defer ended()
	defer func() { _ = server.Close() }()
	begin := make([]byte, 4) // length of the start-up message with itself
	if _, err := io.ReadFull(client, begin); err != nil {
		return
	}
	begin = append(begin, make([]byte, binary.BigEndian.Uint32(begin)-4)...)
	if _, err := io.ReadFull(client, begin[4:]); err != nil {
		return
	}
	if r.refuse != "" && bytes.Contains(begin, []byte(r.refuse)) {
		text := "SFATAL\x00C08P01\x00Munsupported startup parameter: " + r.refuse + "\x00\x00"
		_, _ = client.Write(append(binary.BigEndian.AppendUint32([]byte{'E'}, uint32(len(text)+4)), text...))
		return
	}
	if _, err := server.Write(begin); err != nil {
		return
	}
	r.open.Go(func() {
		_, _ = io.Copy(server, client)
		_ = server.Close()
	})
	for {
		message := make([]byte, 5) // kind, length of the rest with itself
		if _, err := io.ReadFull(server, message); err != nil {
			return
		}
		body := make([]byte, binary.BigEndian.Uint32(message[1:])-4)
		if _, err := io.ReadFull(server, body); err != nil {
			return
		}
		if r.silent.Load() || r.pass != nil && !r.pass(message[0]) {
			continue
		}
		if _, err := client.Write(append(message, body...)); err != nil {
			return
		}
	}
}
