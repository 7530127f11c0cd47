package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	causeway "github.com/causeway-dev/causeway"
)

// issues collects what is wrong with one part of a request. All issues of a part are reported together.
type issues []causeway.Issue

func (i *issues) add(code, message string, path ...string) {
	if path == nil {
		path = []string{}
	}
	*i = append(*i, causeway.Issue{Code: code, Message: message, Path: path})
}

// check adds an issue unless ok.
func (i *issues) check(ok bool, code, message string, path ...string) {
	if !ok {
		i.add(code, message, path...)
	}
}

// err is the error of the part, or nil.
func (i issues) err(code string) error {
	if len(i) == 0 {
		return nil
	}
	return &causeway.Error{Code: code, Status: http.StatusBadRequest, Issues: i}
}

// Codes of the parts of a request.
const (
	badQuery   = "invalid_query_params"
	badBody    = "invalid_body"
	badParams  = "invalid_uri_params"
	badHeaders = "invalid_headers"
)

// decodeBody reads a JSON body into a struct. Keys that the struct doesn't have are refused, at every level.
func decodeBody(c *gin.Context, into any) error {
	raw, err := readBody(c)
	if err != nil {
		return err
	}
	if len(bytes.TrimSpace(raw)) == 0 {
		raw = []byte("{}")
	}
	if !json.Valid(raw) {
		var syntax any
		return causeway.Errorf(http.StatusBadRequest, "invalid_json", "%v", json.Unmarshal(raw, &syntax))
	}
	var found issues
	checkTexts(raw, &found)
	unknownKeys(reflect.TypeOf(into), raw, nil, &found)
	if err := json.Unmarshal(raw, into); err != nil {
		found = append(found, typeIssue(err))
	}
	return found.err(badBody)
}

func readBody(c *gin.Context) ([]byte, error) {
	raw, err := io.ReadAll(c.Request.Body)
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return nil, causeway.Errorf(http.StatusRequestEntityTooLarge, "payload_too_large", "the body is larger than %d bytes", maxBody)
	}
	if err != nil {
		return nil, causeway.Errorf(http.StatusBadRequest, "invalid_body", "the body can't be read").WithCause(err)
	}
	return raw, nil
}

func typeIssue(err error) causeway.Issue {
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		path := []string{}
		if e.Field != "" {
			path = strings.Split(e.Field, ".")
		}
		return causeway.Issue{Code: "invalid_type", Message: fmt.Sprintf("Invalid input: expected %s, received %s", jsonType(e.Type), strings.Fields(e.Value)[0]), Path: path}
	}
	return causeway.Issue{Code: "custom", Message: err.Error(), Path: []string{}}
}

func jsonType(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "boolean"
	case reflect.Slice, reflect.Array:
		return "array"
	case reflect.Struct, reflect.Map:
		return "object"
	case reflect.Pointer:
		return jsonType(t.Elem())
	default:
		return "number"
	}
}

// unknownKeys reports keys of objects that the type doesn't name. Maps and raw JSON take any.
func unknownKeys(t reflect.Type, raw json.RawMessage, path []string, found *issues) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) {
		return
	}
	switch t.Kind() {
	case reflect.Struct:
		var object map[string]json.RawMessage
		if json.Unmarshal(raw, &object) != nil {
			return // the type is reported elsewhere
		}
		fields := jsonFields(t)
		var unknown []string
		for key, value := range object {
			if f, ok := fields[key]; ok {
				unknownKeys(f, value, append(slices.Clone(path), key), found)
			} else {
				unknown = append(unknown, key)
			}
		}
		if len(unknown) > 0 {
			slices.Sort(unknown)
			found.add("unrecognized_keys", unrecognized(unknown), path...)
		}
	case reflect.Slice:
		var list []json.RawMessage
		if t.Elem().Kind() == reflect.Uint8 || json.Unmarshal(raw, &list) != nil {
			return
		}
		for i, value := range list {
			unknownKeys(t.Elem(), value, append(slices.Clone(path), strconv.Itoa(i)), found)
		}
	default:
	}
}

func unrecognized(keys []string) string {
	quoted := make([]string, len(keys))
	for i, k := range keys {
		quoted[i] = strconv.Quote(k)
	}
	if len(keys) == 1 {
		return "Unrecognized key: " + quoted[0]
	}
	return "Unrecognized keys: " + strings.Join(quoted, ", ")
}

func jsonFields(t reflect.Type) map[string]reflect.Type {
	out := map[string]reflect.Type{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" {
			for k, v := range jsonFields(f.Type) {
				out[k] = v
			}
			continue
		}
		if name != "-" && name != "" {
			out[name] = f.Type
		}
	}
	return out
}

// query reads query parameters; the ones that a route doesn't take are refused.
type query struct {
	values url.Values
	issues issues
}

func readQuery(c *gin.Context, allowed ...string) *query {
	q := &query{values: c.Request.URL.Query()}
	var unknown []string
	for name := range q.values {
		base, _, _ := strings.Cut(name, "[")
		if !slices.Contains(allowed, base) {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		q.issues.add("unrecognized_keys", unrecognized(unknown))
	}
	return q
}

// emptyQuery refuses any query parameter.
func emptyQuery(c *gin.Context) error { return readQuery(c).err() }

func (q *query) err() error { return q.issues.err(badQuery) }

func (q *query) has(name string) bool { return q.values.Has(name) }

// one is a parameter that is given once, as it came. Given as a list or with keys in brackets, it is reported.
func (q *query) one(name, kind string) (v string, ok bool) {
	values := q.values[name]
	received := ""
	if len(values) > 1 {
		received = "array"
	}
	for other := range q.values {
		if strings.HasPrefix(other, name+"[") {
			received = "object"
		}
	}
	if received != "" {
		q.issues.add("invalid_type", "Invalid input: expected "+kind+", received "+received, name)
		return "", false
	}
	if len(values) == 0 {
		return "", false
	}
	return values[0], true
}

// text is a parameter of at most limit characters; required: it has to be there. One that is there may not be empty.
func (q *query) text(name string, limit int, required bool) string {
	before := len(q.issues)
	v, ok := q.one(name, "string")
	if !ok {
		if required && len(q.issues) == before {
			q.issues.add("invalid_type", "Invalid input: expected string, received undefined", name)
		}
		return ""
	}
	q.issues.check(v != "", "too_small", "Too small: expected string to have >=1 characters", name)
	q.issues.check(storable(v), "invalid_format", badTextMessage, name)
	q.issues.check(utf8.RuneCountInString(v) <= limit, "too_big", fmt.Sprintf("Too big: expected string to have <=%d characters", limit), name)
	return v
}

// number is a parameter within bounds, or otherwise when it is absent.
func (q *query) number(name string, low, high, otherwise int) int {
	v, ok := q.one(name, "number")
	if !ok {
		return otherwise
	}
	n, err := strconv.Atoi(v)
	if v == "" {
		n, err = 0, nil
	}
	if err != nil {
		q.issues.add("invalid_type", "Invalid input: expected number, received NaN", name)
		return otherwise
	}
	q.issues.check(n >= low, "too_small", fmt.Sprintf("Too small: expected number to be >=%d", low), name)
	q.issues.check(n <= high, "too_big", fmt.Sprintf("Too big: expected number to be <=%d", high), name)
	return n
}

// boolean is a parameter that says yes or no in one of the ways that clients use; absent: no.
func (q *query) boolean(name string) bool {
	text, ok := q.one(name, "boolean")
	if !ok {
		return false
	}
	v, ok := parseBool(text)
	q.issues.check(ok, "invalid_value", `Invalid option: expected one of "true"|"1"|"yes"|"on"|"y"|"enabled"|"false"|"0"|"no"|"off"|"n"|"disabled"`, name)
	return v
}

func parseBool(text string) (value, ok bool) {
	switch strings.ToLower(text) {
	case "true", "1", "yes", "on", "y", "enabled":
		return true, true
	case "false", "0", "no", "off", "n", "disabled":
		return false, true
	default:
		return false, false
	}
}

// target reads the two headers that name an integration and a connection.
func target(c *gin.Context) (integrationKey, connectionID string, err error) {
	var found issues
	integrationKey, connectionID = c.GetHeader("Provider-Config-Key"), c.GetHeader("Connection-Id")
	found.check(causeway.ValidIntegrationKey(integrationKey), "invalid_format", "Invalid string: must match pattern /^[a-zA-Z0-9~:.@ _-]+$/", "provider-config-key")
	found.check(causeway.ValidConnectionID(connectionID), "invalid_format", "Invalid string: must be the id of a connection", "connection-id")
	return integrationKey, connectionID, found.err(badHeaders)
}

// marshal writes JSON as JavaScript does: nothing is escaped for HTML.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}
