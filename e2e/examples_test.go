//go:build e2e

package e2e

import (
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/causeway-dev/causeway/e2e/fakeapi"
)

// exampled is a platform with the deployed examples, and the vendors that they talk to.
type exampled struct {
	*platform
	fake    *fakeapi.Server
	vendors *fakeapi.Vendors
}

// withExamples starts a platform with the examples, and vendors that keep state.
func withExamples(t *testing.T) *exampled {
	t.Helper()
	fake, err := fakeapi.Start(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(fake.Close)
	vendors := fake.Vendors(250, 230)
	e := deployExamples(t, fake)
	e.vendors = vendors
	return e
}

// deployExamples starts a platform and deploys the project in examples. A catalog of our own changes where the vendors' APIs lie, and nothing
// else: each entry extends the built-in one, which brings its pagination, its headers and its signs of a rate limit.
func deployExamples(t *testing.T, fake *fakeapi.Server) *exampled {
	t.Helper()
	dir := examples(t)
	names := integrations(t, dir)
	var catalog strings.Builder
	for _, name := range names {
		_, _ = fmt.Fprintf(&catalog, "%s-here: {extends: %s, display_name: %s here, proxy: {base_url: %q}}\n", name, provider(name), name, fake.URL()+"/"+name)
	}
	path := filepath.Join(t.TempDir(), "here.yaml")
	require.NoError(t, os.WriteFile(path, []byte(catalog.String()), 0o600))
	e := &exampled{fake: fake, platform: started(t, "CAUSEWAY_EGRESS_ALLOW_PRIVATE=true", "CAUSEWAY_CATALOG_FILES="+path)}
	for _, name := range names {
		body := map[string]any{"provider": name + "-here", "unique_key": name}
		if name != "stripe" {
			body["credentials"] = map[string]any{"type": "OAUTH2", "client_id": "an-id", "client_secret": "a-secret"}
		}
		e.must(200, "POST", "/integrations", body)
	}
	e.cli(dir, "deploy", "--auto-confirm")
	return e
}

// provider is the catalog's name for what an integration of the examples is named after.
func provider(integration string) string {
	if integration == "stripe" {
		return "stripe-api-key"
	}
	return integration
}

// examples copies the project, so that nothing is generated into the repository.
func examples(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	from := os.DirFS("../examples")
	names, err := fs.ReadDir(from, ".")
	require.NoError(t, err)
	for _, n := range names {
		switch {
		case n.Name() == "node_modules" || n.Name() == "build" || n.Name() == ".causeway":
		case n.IsDir():
			sub, err := fs.Sub(from, n.Name())
			require.NoError(t, err)
			require.NoError(t, os.CopyFS(filepath.Join(dir, n.Name()), sub))
		default:
			text, err := fs.ReadFile(from, n.Name())
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(dir, n.Name()), text, 0o600))
		}
	}
	return dir
}

// integrations are the folders of a project.
func integrations(t *testing.T, dir string) []string {
	t.Helper()
	names, err := os.ReadDir(dir)
	require.NoError(t, err)
	var out []string
	for _, n := range names {
		if n.IsDir() {
			out = append(out, n.Name())
		}
	}
	return out
}

// TestTheTypesOfTheExamplesFit checks them with the TypeScript that their lock file names, by way of our own command.
func TestTheTypesOfTheExamplesFit(t *testing.T) {
	dir := examples(t)
	npm := exec.Command("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	npm.Dir = dir
	out, err := npm.CombinedOutput()
	require.NoError(t, err, "%s", out)
	p := newPlatform(t)
	p.cli(dir, "compile")

	wrong := filepath.Join(dir, "slack", "actions", "send-message.ts")
	text, err := os.ReadFile(wrong)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(wrong, append(text, "\nexport type Wrong = NoSuchType;\n"...), 0o600))
	said, err := p.tryCLI(dir, "compile")
	require.Error(t, err)
	assert.Contains(t, said, "NoSuchType", "the types were checked")
}

// authorize makes a connection as if a user had gone through OAuth 2.
func (e *exampled) authorize(integration, connection string, metadata map[string]any) {
	e.t.Helper()
	more := map[string]any{"credentials": map[string]any{"type": "OAUTH2", "access_token": "a-token-nobody-may-see"}}
	if integration == "stripe" {
		more["credentials"] = map[string]any{"type": "BASIC", "username": "a-token-nobody-may-see", "password": ""}
	}
	if metadata != nil {
		more["metadata"] = metadata
	}
	e.connect(integration+"-here", integration, connection, more)
}

// again triggers a sync and waits until that run has ended.
func (e *exampled) again(integration, connection, name string) syncStatus {
	e.t.Helper()
	before := e.syncStatus(integration, connection, name).FinishedAt
	e.must(200, "POST", "/sync/trigger", map[string]any{"provider_config_key": integration, "connection_id": connection, "syncs": []string{name}})
	return e.synced(integration, connection, name, before)
}

// asked are the queries of the GET requests whose path begins with a prefix; the requests so far are forgotten.
func (e *exampled) asked(prefix string) []url.Values {
	e.t.Helper()
	var all []url.Values
	for _, r := range e.fake.Requests() {
		if r.Method == "GET" && strings.HasPrefix(r.Path(), prefix) {
			q, err := url.ParseQuery(r.Query())
			require.NoError(e.t, err)
			all = append(all, q)
		}
	}
	e.fake.Forget()
	return all
}

func ids(records []record) map[string]any {
	out := map[string]any{}
	for _, r := range records {
		out[fmt.Sprint(r["id"])] = r.meta("last_action")
	}
	return out
}

func TestExamples(t *testing.T) {
	e := withExamples(t)
	t.Run("GitHub's issues are incremental", func(t *testing.T) { githubIssues(t, e) })
	t.Run("GitHub's answers to new issues", func(t *testing.T) { githubCreateIssue(t, e) })
	t.Run("HubSpot's contacts are complete, and deletions are found", func(t *testing.T) { hubspotContacts(t, e) })
	t.Run("HubSpot's answers to new contacts", func(t *testing.T) { hubspotCreateContact(t, e) })
	t.Run("Slack's users: a failure with status 200 is no end of the list", func(t *testing.T) { slackUsers(t, e) })
	t.Run("Slack's answers to messages", func(t *testing.T) { slackSendMessage(t, e) })
	assert.NotContains(t, e.output.String(), "a-token-nobody-may-see")
}

func githubIssues(t *testing.T, e *exampled) {
	const path = "/github/repos/acme/website/issues"
	e.vendors.Instead("page=3", fakeapi.JSON(404, `{"message":"Not Found","status":"404"}`))
	e.authorize("github", "acme", map[string]any{"owner": "acme", "repo": "website"})

	failed := e.synced("github", "acme", "issues", "")
	assert.Equal(t, "ERROR", failed.Status)
	page2 := "2026-02-03T07:25:06Z" // the last change of page 2, of issue 200
	assert.Equal(t, map[string]any{"updated_at": page2}, failed.Checkpoint, "what a failed run has reached is kept")
	first := e.asked(path)
	require.Len(t, first, 3)
	for i, q := range first {
		assert.Equal(t, []string{"100", "all", "updated", "asc"}, []string{q.Get("per_page"), q.Get("state"), q.Get("sort"), q.Get("direction")})
		assert.Empty(t, q.Get("since"), "a first run asks for everything")
		assert.Equal(t, []string{"", "2", "3"}[i], q.Get("page"), "the next page is the one that the Link header names")
	}

	assert.Equal(t, "SUCCESS", e.again("github", "acme", "issues").Status)
	second := e.asked(path)
	require.Len(t, second, 1, "51 issues are one page")
	assert.Equal(t, page2, second[0].Get("since"), "the next run goes on where the failed one stopped")
	all, cursor := e.records("github", "acme", "Issue", "")
	assert.Len(t, all, 225, "without pull requests")
	assert.Len(t, ids(all), 225)
	assert.Equal(t, "Issue 1", all[0]["title"])
	assert.Equal(t, "user1", all[0]["author"])
	assert.Equal(t, []any{"bug"}, all[0]["labels"])

	e.vendors.RetitleIssue(7, "Seven, changed")
	e.again("github", "acme", "issues")
	third := e.asked(path)
	require.Len(t, third, 1)
	assert.Equal(t, "2026-02-03T08:15:06Z", third[0].Get("since"))
	changed, _ := e.records("github", "acme", "Issue", cursor)
	require.Equal(t, map[string]any{"1000000007": "UPDATED"}, ids(changed), "only what changed is reported")
	assert.Equal(t, "Seven, changed", changed[0]["title"])
}

func githubCreateIssue(t *testing.T, e *exampled) {
	a := e.action("github", "acme", "create-issue", map[string]any{"title": "A new one", "labels": []string{"bug", "urgent"}})
	require.Equal(t, 200, a.Status, "%s", a.Body)
	assert.JSONEq(t, `{"id":"1000000251","number":251,"title":"A new one","body":null,"state":"open","author":"user6","labels":["bug","urgent"],
		"url":"https://github.com/acme/website/issues/251","created_at":"2026-01-02T03:04:05Z","updated_at":"2026-02-03T08:17:06Z","closed_at":null}`, string(a.Body))

	a = e.action("github", "acme", "create-issue", map[string]any{"title": strings.Repeat("x", 257)})
	assert.Equal(t, 424, a.Status)
	assert.Equal(t, "script_http_error", code(t, a))
	assert.Equal(t, 422, upstreamStatus(t, a))
	assert.Contains(t, payload(t, a), "title is too long (maximum is 256 characters)", "the vendor's reason reaches the caller")

	e.authorize("github", "gone", map[string]any{"owner": "acme", "repo": "missing"})
	a = e.action("github", "gone", "create-issue", map[string]any{"title": "x"})
	assert.Equal(t, 424, a.Status)
	assert.Equal(t, 404, upstreamStatus(t, a))
	assert.JSONEq(t, `{"message":"Not Found","documentation_url":"https://docs.github.com/rest","status":"404"}`, payload(t, a))

	a = e.action("github", "acme", "create-issue", map[string]any{"title": ""})
	assert.Equal(t, 500, a.Status)
	assert.Equal(t, "action_script_runtime_error", code(t, a), "what doesn't fit the schema is refused before a call is made")

	e.authorize("github", "unset", nil)
	a = e.action("github", "unset", "create-issue", map[string]any{"title": "x"})
	assert.Equal(t, 500, a.Status)
	assert.Contains(t, payload(t, a), `"code":"missing_repository"`)
}

func hubspotCreateContact(t *testing.T, e *exampled) {
	a := e.action("hubspot", "acme", "create-contact", map[string]any{"email": "new@example.test", "first_name": "New"})
	require.Equal(t, 200, a.Status, "%s", a.Body)
	assert.JSONEq(t, `{"id":"331","created_at":"2026-01-02T03:04:05.678Z"}`, string(a.Body))
	assert.JSONEq(t, `{"properties":{"email":"new@example.test","firstname":"New"}}`, string(e.fake.Last().Body), "HubSpot's names")

	a = e.action("hubspot", "acme", "create-contact", map[string]any{"email": "C7@example.test"})
	assert.Equal(t, 500, a.Status)
	assert.JSONEq(t, `{"code":"contact_exists","message":"There is a contact with this address","id":"108"}`, payload(t, a))
}

func hubspotContacts(t *testing.T, e *exampled) {
	const path = "/hubspot/crm/v3/objects/contacts"
	e.authorize("hubspot", "acme", nil)
	s := e.synced("hubspot", "acme", "contacts", "")
	assert.Equal(t, "SUCCESS", s.Status)
	assert.Empty(t, s.Checkpoint, "a run that has read everything leaves no place to go on from")
	pages := e.asked(path)
	require.Len(t, pages, 3)
	for i, q := range pages {
		assert.Equal(t, "100", q.Get("limit"))
		assert.Equal(t, []string{"", "201", "301"}[i], q.Get("after"))
	}
	all, cursor := e.records("hubspot", "acme", "Contact", "")
	require.Len(t, ids(all), 230)
	assert.Equal(t, "c0@example.test", all[0]["email"])
	assert.Nil(t, all[0]["phone"])

	e.vendors.RemoveContact(150)
	// A run that fails half way sees fewer contacts than there are: nothing may count as gone then.
	e.vendors.Instead("after=302", fakeapi.JSON(403, `{"status":"error","message":"no","category":"MISSING_SCOPES"}`))
	assert.Equal(t, "ERROR", e.again("hubspot", "acme", "contacts").Status)
	changed, _ := e.records("hubspot", "acme", "Contact", cursor)
	assert.Empty(t, changed)

	e.fake.Forget()
	assert.Equal(t, "SUCCESS", e.again("hubspot", "acme", "contacts").Status)
	pages = e.asked(path)
	require.Len(t, pages, 1, "it goes on with the page that failed")
	assert.Equal(t, "302", pages[0].Get("after"))
	changed, _ = e.records("hubspot", "acme", "Contact", cursor)
	assert.Equal(t, map[string]any{"150": "DELETED"}, ids(changed), "the contact that is gone, and no other")
}

func slackUsers(t *testing.T, e *exampled) {
	e.authorize("slack", "acme", nil)
	assert.Equal(t, "SUCCESS", e.synced("slack", "acme", "users", "").Status)
	all, cursor := e.records("slack", "acme", "User", "")
	require.Len(t, ids(all), 449, "all but the one who is deactivated from the start")
	assert.Equal(t, "u1@example.test", all[0]["email"])

	e.vendors.Deactivate(3)
	e.vendors.Instead("cursor=", fakeapi.JSON(200, `{"ok":false,"error":"invalid_cursor"}`))
	assert.Equal(t, "ERROR", e.again("slack", "acme", "users").Status)
	changed, _ := e.records("slack", "acme", "User", cursor)
	assert.Empty(t, changed)

	assert.Equal(t, "SUCCESS", e.again("slack", "acme", "users").Status)
	changed, _ = e.records("slack", "acme", "User", cursor)
	assert.Equal(t, map[string]any{"U0000000003": "DELETED"}, ids(changed))
}

func slackSendMessage(t *testing.T, e *exampled) {
	a := e.action("slack", "acme", "send-message", map[string]any{"channel": "#general", "text": "hi"})
	require.Equal(t, 200, a.Status, "%s", a.Body)
	assert.JSONEq(t, `{"channel":"C0123456789","ts":"1764000000.000100"}`, string(a.Body))
	assert.JSONEq(t, `{"channel":"#general","text":"hi"}`, string(e.fake.Last().Body), "what wasn't given isn't sent")

	a = e.action("slack", "acme", "send-message", map[string]any{"channel": "C0PRIVATE", "text": "hi"})
	assert.Equal(t, 500, a.Status)
	assert.Equal(t, "action_script_runtime_error", code(t, a), "a failure that comes with status 200")
	assert.JSONEq(t, `{"code":"missing_scope","message":"Slack answered: missing_scope","needed":"chat:write"}`, payload(t, a))
}

// upstreamStatus is the status that the vendor answered to a call that failed an action.
func upstreamStatus(t *testing.T, a answer) int {
	t.Helper()
	var e struct {
		Error struct{ Upstream struct{ Status int } }
	}
	a.json(t, &e)
	return e.Error.Upstream.Status
}
