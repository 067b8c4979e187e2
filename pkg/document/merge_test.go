package document

import (
	"encoding/json"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/callflowd/callflowd/pkg/document/vectortest"
)

func TestPatchVectors(t *testing.T) {
	type row struct {
		ID                    int
		Stored, Patch, Merged Doc
	}
	for _, r := range vectortest.Read[row](t, "merge.jsonl") {
		// Kazoo lets a patch's id through (contract 11.4 decides otherwise).
		want := r.Merged
		if r.Patch["id"] != nil || r.Patch["_id"] != nil {
			delete(want, "id")
			if id := withoutNulls(r.Stored["id"]); id != nil {
				want["id"] = id
			}
		}
		if got := Patch(r.Stored, r.Patch); !reflect.DeepEqual(got, want) {
			t.Errorf("row %d: %v over %v\n got %v\nwant %v", r.ID, r.Patch, r.Stored, got, want)
		}
	}
}

func TestPatchKeepsItsInputs(t *testing.T) {
	stored := parse(t, `{"a":{"b":{"c":1}},"n":null}`)
	patch := parse(t, `{"a":{"b":{"d":2}},"x":{"y":null}}`)
	out := Patch(stored, patch)
	out.Object("a")["b"].(map[string]any)["c"] = "changed"
	if !reflect.DeepEqual(stored, parse(t, `{"a":{"b":{"c":1}},"n":null}`)) {
		t.Errorf("stored changed: %v", stored)
	}
	if !reflect.DeepEqual(patch, parse(t, `{"a":{"b":{"d":2}},"x":{"y":null}}`)) {
		t.Errorf("patch changed: %v", patch)
	}
}

func TestPatchIsIdempotent(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		stored, patch := Doc(object(2).Draw(rt, "stored")), Doc(object(2).Draw(rt, "patch"))
		once := Patch(stored, patch)
		if twice := Patch(once, once); !reflect.DeepEqual(once, twice) && !hasNull(map[string]any(once)) {
			rt.Fatalf("patching with itself: %v then %v", once, twice)
		}
	})
}

func hasNull(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case map[string]any:
		for _, e := range v {
			if hasNull(e) {
				return true
			}
		}
	}
	return false
}

// object generates JSON objects over few keys, so that two of them meet.
func object(depth int) *rapid.Generator[map[string]any] {
	key := rapid.SampledFrom([]string{"a", "b", "c", "numbers", "list"})
	return rapid.MapOfN(key, value(depth), 0, 4)
}

func value(depth int) *rapid.Generator[any] {
	scalar := rapid.SampledFrom([]any{nil, true, "x", "y", "", json.Number("1"), json.Number("2")})
	if depth == 0 {
		return scalar
	}
	list := rapid.SliceOfN(value(depth-1), 0, 3)
	members := rapid.SliceOfN(member(depth-1), 0, 3)
	return rapid.OneOf(scalar, object(depth-1).AsAny(), list.AsAny(), members.AsAny())
}

// member generates list members that are objects with an id.
func member(depth int) *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		m := rapid.MapOfN(rapid.SampledFrom([]string{"a", "b"}), value(depth), 0, 2).Draw(t, "member")
		m["id"] = rapid.SampledFrom([]string{"m1", "m2", "m3"}).Draw(t, "id")
		return m
	})
}
