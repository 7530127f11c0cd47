package storage

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"

	causeway "github.com/causeway-dev/causeway"
)

// nextVersion is the version of a deployed function: the customer's if given, else the old one when nothing changed, else the next.
func nextVersion(f DeployFunction, old *currentFunction) string {
	switch {
	case f.Version != "":
		return f.Version
	case old == nil || old.versionID == 0:
		if f.Kind == causeway.KindOnEvent {
			return "0.0.1"
		}
		return "1"
	case f.BundleKey == old.bundleKey && f.SourceKey == old.sourceKey:
		return old.version
	default:
		return bump(old.version)
	}
}

var semver = regexp.MustCompile(`^(\d+)\.(\d+)\.(\d+)$`)

// bump counts a version up: an integer, or the patch of a semantic version. Anything else begins anew.
func bump(version string) string {
	if n, err := strconv.Atoi(version); err == nil {
		return strconv.Itoa(n + 1)
	}
	if m := semver.FindStringSubmatch(version); m != nil {
		patch, err := strconv.Atoi(m[3])
		if err == nil {
			return fmt.Sprintf("%s.%s.%d", m[1], m[2], patch+1)
		}
	}
	return "1"
}

// changedFunction says whether a new version row is needed.
func changedFunction(f DeployFunction, old *currentFunction, version string) bool {
	return old.versionID == 0 || version != old.version || f.BundleKey != old.bundleKey || f.SourceKey != old.sourceKey ||
		!sameJSON(f.Definition, old.definition) || !sameJSON(rawOrNull(f.JSONSchema), old.schema)
}

func rawOrNull(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 {
		return json.RawMessage("null")
	}
	return raw
}

// sameJSON compares values whatever the order of their keys.
func sameJSON(a any, b []byte) bool {
	raw, err := json.Marshal(a)
	if err != nil {
		return false
	}
	return bytes.Equal(sorted(raw), sorted(b))
}

func sorted(raw []byte) []byte {
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return raw
	}
	out, err := json.Marshal(v) // maps are written in the order of their keys
	if err != nil {
		return raw
	}
	return out
}

// PlannedSync is a sync of a plan, with the connections that it touches.
type PlannedSync struct {
	Name              string `json:"name"`
	ProviderConfigKey string `json:"providerConfigKey"`
	Connections       int    `json:"connections"`
	AutoStart         bool   `json:"auto_start"`
}

// PlannedAction is an action of a plan.
type PlannedAction struct {
	Name              string `json:"name"`
	ProviderConfigKey string `json:"providerConfigKey"`
}

// PlannedEvent is an on-event function of a plan.
type PlannedEvent struct {
	ProviderConfigKey string `json:"providerConfigKey"`
	Name              string `json:"name"`
	Event             string `json:"event"`
}

// DeployPlan is what a deploy would do. All ten lists are there, empty or not.
type DeployPlan struct {
	NewSyncs              []PlannedSync   `json:"newSyncs"`
	UpdatedSyncs          []PlannedSync   `json:"updatedSyncs"`
	DeletedSyncs          []PlannedSync   `json:"deletedSyncs"`
	NewActions            []PlannedAction `json:"newActions"`
	UpdatedActions        []PlannedAction `json:"updatedActions"`
	DeletedActions        []PlannedAction `json:"deletedActions"`
	DeletedModels         []string        `json:"deletedModels"`
	NewOnEventScripts     []PlannedEvent  `json:"newOnEventScripts"`
	UpdatedOnEventScripts []PlannedEvent  `json:"updatedOnEventScripts"`
	DeletedOnEventScripts []PlannedEvent  `json:"deletedOnEventScripts"`
}

// CheckDeploy says whether a deploy can be applied at all: a function of an integration that isn't there fails it whole.
func (s *Store) CheckDeploy(ctx context.Context, environmentID int64, r DeployRequest) error {
	integrations, err := liveIntegrations(ctx, s.pool, environmentID)
	if err != nil {
		return fmt.Errorf("check a deploy: %w", err)
	}
	for _, f := range r.Functions {
		if _, ok := integrations[f.IntegrationKey]; !ok {
			return unknownIntegration(f.IntegrationKey)
		}
	}
	return nil
}

func unknownIntegration(key string) error {
	e := *ErrUnknownIntegration
	e.Message = fmt.Sprintf("there is no integration %q in this environment: create it first", key)
	return &e
}

// PlanDeploy says what a deploy would do, and changes nothing. A function of an integration that isn't there is a new one in the plan; the
// deploy will refuse it.
func (s *Store) PlanDeploy(ctx context.Context, environmentID int64, r DeployRequest) (*DeployPlan, error) {
	r.Reconcile = true
	current, err := liveFunctions(ctx, s.pool, environmentID)
	if err != nil {
		return nil, fmt.Errorf("plan a deploy: %w", err)
	}
	counts, err := s.connectionCounts(ctx, environmentID)
	if err != nil {
		return nil, err
	}
	p := &DeployPlan{[]PlannedSync{}, []PlannedSync{}, []PlannedSync{}, []PlannedAction{}, []PlannedAction{}, []PlannedAction{}, []string{}, []PlannedEvent{}, []PlannedEvent{}, []PlannedEvent{}}
	for _, f := range r.Functions {
		old := current[f.key()]
		if old == nil {
			p.add(f.key(), f.AutoStart, counts, &p.NewSyncs, &p.NewActions, &p.NewOnEventScripts)
			continue
		}
		old.kept = true
		if changedFunction(f, old, nextVersion(f, old)) || old.frequencyS != f.FrequencyS {
			p.add(f.key(), f.AutoStart, counts, &p.UpdatedSyncs, &p.UpdatedActions, &p.UpdatedOnEventScripts)
		}
		if f.Kind == causeway.KindSync && counts[f.IntegrationKey] > 0 {
			for _, m := range old.models {
				if !slices.Contains(f.Definition.Models, m) {
					p.DeletedModels = append(p.DeletedModels, m)
				}
			}
		}
	}
	for _, k := range slices.SortedFunc(maps.Keys(current), functionKey.compare) {
		if c := current[k]; !c.kept && r.removes(k, c) {
			p.add(k, false, counts, &p.DeletedSyncs, &p.DeletedActions, &p.DeletedOnEventScripts)
		}
	}
	slices.Sort(p.DeletedModels)
	return p, nil
}

func (p *DeployPlan) add(k functionKey, autoStart bool, connections map[string]int, syncs *[]PlannedSync, actions *[]PlannedAction, events *[]PlannedEvent) {
	switch k.kind {
	case causeway.KindSync:
		*syncs = append(*syncs, PlannedSync{k.name, k.integrationKey, connections[k.integrationKey], autoStart})
	case causeway.KindAction:
		*actions = append(*actions, PlannedAction{k.name, k.integrationKey})
	case causeway.KindOnEvent:
		*events = append(*events, PlannedEvent{k.integrationKey, k.name, k.event})
	}
}

func (s *Store) connectionCounts(ctx context.Context, environmentID int64) (map[string]int, error) {
	rows, err := s.pool.Query(ctx, `select i.unique_key, count(*) from connection c join integration i on i.environment_id = c.environment_id and i.id = c.integration_id
 where c.environment_id = $1 and c.deleted_at is null and i.deleted_at is null group by 1`, environmentID)
	if err != nil {
		return nil, fmt.Errorf("count connections: %w", err)
	}
	defer rows.Close()
	out := map[string]int{}
	for rows.Next() {
		var (
			key string
			n   int
		)
		if err := rows.Scan(&key, &n); err != nil {
			return nil, fmt.Errorf("count connections: %w", err)
		}
		out[key] = n
	}
	return out, rows.Err()
}
