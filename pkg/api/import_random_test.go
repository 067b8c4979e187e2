package api

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// randomAccount makes documents of an account that refer to each other in every
// way that Kazoo has, as lines of an export. No two have the same name.
type randomAccount struct {
	r     *rand.Rand
	ids   map[string][]string // by type
	lines []string
}

func (a *randomAccount) id(kind string) string {
	id := fmt.Sprintf("%016x%016x", a.r.Uint64(), a.r.Uint64())
	a.ids[kind] = append(a.ids[kind], id)
	return id
}

// some is one of the ids of a type.
func (a *randomAccount) some(kind string) string { return a.ids[kind][a.r.IntN(len(a.ids[kind]))] }

func (a *randomAccount) add(kind, id string, data map[string]any) {
	data["name"] = fmt.Sprintf("%s %d", kind, len(a.lines))
	raw, err := json.Marshal(map[string]any{"id": id, "type": kind, "data": data})
	if err != nil {
		panic(err)
	}
	a.lines = append(a.lines, string(raw))
}

// node is a random flow.
func (a *randomAccount) node(depth int) map[string]any {
	data, children := map[string]any{}, map[string]any{}
	module := []string{"user", "device", "menu", "play", "voicemail", "callflow", "ring_group", "temporal_route", "conference"}[a.r.IntN(9)]
	switch module {
	case "play":
		data["id"] = a.some("media")
	case "voicemail":
		data["id"] = a.some("vmbox")
	case "ring_group":
		data["endpoints"] = []any{
			map[string]any{"id": a.some("device"), "endpoint_type": "device"}, map[string]any{"id": a.some("user"), "endpoint_type": "user"},
		}
		data["name"] = "ring"
	case "temporal_route":
		rule := a.some("temporal_rule")
		data["rules"] = []any{rule}
		children[rule] = map[string]any{"module": "play", "data": map[string]any{"id": a.some("media")}}
	default:
		data["id"] = a.some(module)
	}
	if depth > 0 && module != "callflow" {
		children["_"] = a.node(depth - 1)
	}
	if depth > 0 && module == "menu" {
		children["1"] = a.node(depth - 1)
	}
	return map[string]any{"module": module, "data": data, "children": children}
}

func newRandomAccount(seed uint64) *randomAccount {
	a := &randomAccount{r: rand.New(rand.NewPCG(seed, 17)), ids: map[string][]string{}}
	for _, kind := range []string{"callflow", "user", "device", "media", "menu", "vmbox", "temporal_rule", "conference"} {
		for range 2 + a.r.IntN(4) {
			a.id(kind)
		}
	}
	for i, id := range a.ids["callflow"] {
		a.add("callflow", id, map[string]any{"numbers": []string{fmt.Sprint(1000 + i)}, "patterns": []string{}, "flow": a.node(3)})
	}
	for i, id := range a.ids["user"] {
		a.add("user", id, map[string]any{"first_name": "A", "last_name": "B", "username": fmt.Sprint("user", i), "music_on_hold": map[string]any{"media_id": a.some("media")}})
	}
	for _, id := range a.ids["device"] {
		a.add("device", id, map[string]any{"owner_id": a.some("user")})
	}
	for _, id := range a.ids["menu"] {
		a.add("menu", id, map[string]any{"media": map[string]any{"greeting": a.some("media")}})
	}
	for i, id := range a.ids["vmbox"] {
		a.add("vmbox", id, map[string]any{"mailbox": fmt.Sprint(i), "owner_id": a.some("user"), "media": map[string]any{"unavailable": a.some("media")}})
	}
	for _, kind := range []string{"media", "conference"} {
		for _, id := range a.ids[kind] {
			a.add(kind, id, map[string]any{})
		}
	}
	for _, id := range a.ids["temporal_rule"] {
		a.add("temporal_rule", id, map[string]any{"cycle": "daily"})
	}
	return a
}

// byNames is an export in which names stand in the place of ids, wherever these
// are, in an order that does not depend on ids.
func byNames(t *testing.T, export string) (lines, ids []string) {
	t.Helper()
	var pairs []string
	for line := range strings.Lines(export) {
		var doc struct {
			ID   string
			Data struct{ Name string }
		}
		if err := json.Unmarshal([]byte(line), &doc); err != nil {
			t.Fatal(err)
		}
		pairs, ids = append(pairs, doc.ID, "<"+doc.Data.Name+">"), append(ids, doc.ID)
	}
	names := strings.NewReplacer(pairs...)
	for line := range strings.Lines(export) {
		var v any // the order of members may follow ids
		if err := json.Unmarshal([]byte(names.Replace(line)), &v); err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(raw))
	}
	slices.Sort(lines)
	return lines, ids
}

// TestImportOfRandomAccounts brings random accounts in elsewhere, as they are and
// with new ids: each reference of each document still points at the same one.
func TestImportOfRandomAccounts(t *testing.T) {
	w := newWorld(t, func(cfg *Config) { cfg.Limits.Rate.Burst = -1 })
	w.undescribed = true
	const query = "?dependencies=true"
	came := 0
	for seed := range uint64(8) {
		made := newRandomAccount(seed)
		into := func(name, query, body string) *world {
			id, tenant := w.newAccount(fmt.Sprint(name, seed))
			tenant.master = id
			tenant.bring(query, lines()+body).want(http.StatusOK)
			return tenant
		}
		first := into("first", "", strings.Join(made.lines, "\n")).exported(query)
		want, old := byNames(t, first)
		came += len(old) - len(made.ids["callflow"])
		if same := into("second", "", first).exported(query); same != first {
			t.Errorf("seed %d: elsewhere it is\n%s, not\n%s", seed, same, first)
		}
		other := into("third", "?new_ids=true", first)
		got, fresh := byNames(t, other.exported(query))
		if !slices.Equal(got, want) {
			t.Errorf("seed %d: with new ids it is\n%s, not\n%s", seed, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if slices.ContainsFunc(fresh, func(id string) bool { return slices.Contains(old, id) }) {
			t.Errorf("seed %d: an id is the old one", seed)
		}
	}
	if came < 50 {
		t.Errorf("only %d documents came along with the callflows", came)
	}
}
