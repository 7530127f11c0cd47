package storage

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	causeway "github.com/causeway-dev/causeway"
)

// caches are the rows that the hot path needs, opened and ready. Decrypted credentials live only here and in the call that
// uses them.
type caches struct {
	keys         *cache[keyHash, *causeway.APIKey]
	unknownKeys  *cache[keyHash, struct{}] // so that a wrong key that is tried again and again costs a query in five seconds
	environments *cache[int64, *causeway.Environment]
	integrations *cache[integrationRef, *causeway.Integration]
	connections  *cache[connectionRef, *causeway.Connection]
	functions    *cache[functionRef, *causeway.Function]
	versions     *cache[rowOf, *causeway.FunctionVersion] // immutable: never forgotten but by age
}

type keyHash [sha256.Size]byte

type integrationRef struct {
	environmentID int64
	uniqueKey     string
}

type connectionRef struct {
	environmentID, integrationID int64
	connectionID                 string
}

type functionRef struct {
	environmentID, integrationID int64
	kind                         causeway.FunctionKind
	name                         string
}

func newCaches(fresh func() bool) caches {
	return caches{
		keys:         newCache[keyHash, *causeway.APIKey](50_000, cacheTTL, fresh),
		unknownKeys:  newCache[keyHash, struct{}](10_000, 5*time.Second, fresh),
		environments: newCache[int64, *causeway.Environment](10_000, cacheTTL, fresh),
		integrations: newCache[integrationRef, *causeway.Integration](20_000, cacheTTL, fresh),
		connections:  newCache[connectionRef, *causeway.Connection](50_000, cacheTTL, fresh),
		functions:    newCache[functionRef, *causeway.Function](50_000, cacheTTL, fresh),
		versions:     newCache[rowOf, *causeway.FunctionVersion](10_000, time.Hour, func() bool { return true }),
	}
}

// Events, as they are sent.
func keyEvent(h keyHash) string { return "key:" + hex.EncodeToString(h[:]) }

func environmentEvent(id int64) string { return "env:" + strconv.FormatInt(id, 10) }

func integrationEvent(environmentID int64, uniqueKey string) string {
	return "integration:" + strconv.FormatInt(environmentID, 10) + ":" + uniqueKey
}

func connectionEvent(environmentID, integrationID int64, connectionID string) string {
	return "connection:" + strconv.FormatInt(environmentID, 10) + ":" + strconv.FormatInt(integrationID, 10) + ":" + connectionID
}

// functionsEvent says that functions of an environment have changed.
func functionsEvent(environmentID int64) string {
	return "functions:" + strconv.FormatInt(environmentID, 10)
}

// forget acts on an event. One that can't be read (a newer version's) forgets everything: that is always right.
func (s *Store) forget(event string) {
	kind, rest, _ := strings.Cut(event, ":")
	if kind == "key" {
		var h keyHash
		if n, err := hex.Decode(h[:], []byte(rest)); err == nil && n == len(h) {
			s.caches.keys.remove(h)
			s.caches.unknownKeys.remove(h)
			return
		}
	}
	first, rest, _ := strings.Cut(rest, ":")
	environmentID, err := strconv.ParseInt(first, 10, 64)
	if err != nil {
		s.forgetAll()
		return
	}
	switch kind {
	case "env":
		s.forgetEnvironment(environmentID)
	case "integration":
		s.caches.integrations.remove(integrationRef{environmentID, rest})
	case "connection":
		second, connectionID, _ := strings.Cut(rest, ":")
		integrationID, err := strconv.ParseInt(second, 10, 64)
		if err != nil {
			s.forgetAll()
			return
		}
		s.caches.connections.remove(connectionRef{environmentID, integrationID, connectionID})
	case "functions":
		s.caches.functions.removeIf(func(r functionRef) bool { return r.environmentID == environmentID })
	default:
		s.forgetAll()
	}
}

func (s *Store) forgetEnvironment(id int64) {
	s.caches.keys.clear() // keys don't name their environment, and this is rare
	s.caches.environments.remove(id)
	s.caches.integrations.removeIf(func(r integrationRef) bool { return r.environmentID == id })
	s.caches.connections.removeIf(func(r connectionRef) bool { return r.environmentID == id })
	s.caches.functions.removeIf(func(r functionRef) bool { return r.environmentID == id })
}

func (s *Store) forgetAll() {
	s.caches.keys.clear()
	s.caches.unknownKeys.clear()
	s.caches.environments.clear()
	s.caches.integrations.clear()
	s.caches.connections.clear()
	s.caches.functions.clear()
}
