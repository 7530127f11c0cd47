package fakeapi

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

type contact struct {
	id         int
	properties map[string]any
	updated    time.Time
}

func newContact(i int) contact {
	return contact{id: 101 + i, updated: moment(i), properties: map[string]any{
		"firstname": fmt.Sprintf("First%d", i), "lastname": "Last", "email": fmt.Sprintf("c%d@example.test", i), "hs_object_id": strconv.Itoa(101 + i),
	}}
}

// RemoveContact is somebody's deletion of a contact: lists don't show it any more.
func (v *Vendors) RemoveContact(id int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.contacts = slices.DeleteFunc(v.contacts, func(c contact) bool { return c.id == id })
}

// hubspot answers for /crm/v3/objects/contacts.
func (v *Vendors) hubspot(r *Request) Answer {
	switch {
	case r.Path() != "/hubspot/crm/v3/objects/contacts":
		return JSON(404, `{"status":"error","message":"resource not found","category":"OBJECT_NOT_FOUND"}`)
	case r.Method == "GET":
		return v.listContacts(r)
	case r.Method == "POST":
		return v.createContact(r)
	}
	return JSON(405, `{"status":"error","message":"Method not allowed"}`)
}

// listContacts answers GET with cursors: after is the id that the next page begins with.
func (v *Vendors) listContacts(r *Request) Answer {
	q, err := url.ParseQuery(r.Query())
	if err != nil {
		return JSON(400, `{"status":"error","message":"Bad request","category":"VALIDATION_ERROR"}`)
	}
	size, after := number(q, "limit", 10, 100), number(q, "after", 0, 1<<30)
	v.mu.Lock()
	defer v.mu.Unlock()
	rest := v.contacts
	for len(rest) > 0 && rest[0].id < after {
		rest = rest[1:]
	}
	results := []map[string]any{}
	for i := range rest[:min(size, len(rest))] {
		results = append(results, rest[i].json())
	}
	body := map[string]any{"results": results}
	if len(rest) > size {
		next := strconv.Itoa(rest[size].id)
		body["paging"] = map[string]any{"next": map[string]any{"after": next, "link": "https://api.hubapi.com/crm/v3/objects/contacts?after=" + next}}
	}
	return answerJSON(200, body, "X-HubSpot-RateLimit-Remaining", "99")
}

// createContact answers POST. Two contacts can't have one address.
func (v *Vendors) createContact(r *Request) Answer {
	var in struct{ Properties map[string]any }
	if json.Unmarshal(r.Body, &in) != nil || len(in.Properties) == 0 {
		return JSON(400, `{"status":"error","message":"Invalid input JSON","category":"VALIDATION_ERROR"}`)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	id := 101
	for _, c := range v.contacts {
		if email, _ := in.Properties["email"].(string); email != "" && strings.EqualFold(email, fmt.Sprint(c.properties["email"])) {
			return JSON(409, fmt.Sprintf(`{"status":"error","message":"Contact already exists. Existing ID: %d","category":"CONFLICT"}`, c.id))
		}
		id = max(id, c.id+1)
	}
	in.Properties["hs_object_id"] = strconv.Itoa(id)
	c := contact{id: id, properties: in.Properties, updated: moment(id)}
	v.contacts = append(v.contacts, c)
	return answerJSON(201, c.json())
}

// json is the contact as HubSpot shows it.
func (c *contact) json() map[string]any {
	return map[string]any{
		"id": strconv.Itoa(c.id), "createdAt": "2026-01-02T03:04:05.678Z", "updatedAt": c.updated.Format("2006-01-02T15:04:05.000Z"), "archived": false,
		"properties": c.properties,
	}
}
