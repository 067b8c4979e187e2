package schema

import (
	"fmt"
	"testing"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/document/vectortest"
	"github.com/callflowd/callflowd/pkg/problem"
)

// vector is one recorded answer of Kazoo's.
type vector struct {
	ID        int            `json:"id"`
	Group     string         `json:"group"`
	Input     document.Doc   `json:"input"`
	OK        bool           `json:"ok"`
	Crash     bool           `json:"crash"`
	Output    document.Doc   `json:"output"`
	AllErrors []kazooProblem `json:"all_errors"`
}

type kazooProblem struct{ Path, Code string }

// public is the document Kazoo validates: without private keys, and with the
// first id that its document helpers find (contract 2.1).
func public(doc document.Doc) document.Doc {
	out := document.Doc{}
	for k, v := range doc {
		if !document.Private(k) {
			out[k] = v
		}
	}
	delete(out, "id")
	value, inner := doc.Object("value"), doc.Object("doc")
	for _, id := range []any{doc["_id"], doc["id"], doc["ID"], value["id"], inner["_id"]} {
		if id != nil && id != "" {
			out["id"] = id
			break
		}
	}
	return out
}

func embedded(t testing.TB) *Registry {
	t.Helper()
	r, err := Embedded()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func same(a, b any) bool { return identity(a, numberTerm) == identity(b, numberTerm) }

func has(vs []problem.Violation, path, code string) bool {
	for _, v := range vs {
		if v.Path == path && v.Code == code {
			return true
		}
	}
	return false
}

// exceptions names the vectors that we decide otherwise than Kazoo, by the
// clause of the contract that says so. Those of the last clause we
// accept; the others are refused by us and accepted by Kazoo.
var exceptions = map[string][]int{
	"9.14: a fraction is not rounded to an integer": {
		168, 170, 324, 446, 482, 544, 616, 808, 976, 1022, 1144, 1366, 1386, 1732,
		1902, 1980, 2556, 2558, 2560, 2562, 2568, 2570, 2572, 2576, 2610, 2702,
	},
	"11.8: digits with a sign are cast, nothing else":       {2596, 2598},
	"11.6: every child is validated, the empty key refused": {2068, 2124, 2152},
	"11.7: hosts inside, in every notation, malformed URLs": {
		2194, 2196, 2198, 2200, 2206, 2208, 2212, 2214, 2216, 2218, 2220, 2222, 2224, 2234, 2236, 2238, 2240,
		2242, 2244, 2246, 2248, 2252, 2254, 2256, 2258, 2260, 2262, 2264, 2274, 2276, 2314,
		2318, 2320, 2322, 2324, 2326, 2328, 2330, 2332, 2334, 2338, 2340, 2342,
	},
	"11.7: the scheme of a URL is compared without its case": {2182, 2184},
	"9.27: what Kazoo 4.3 accepts is accepted":               {2356, 2358, 2394},
}

func TestVectors(t *testing.T) {
	r := embedded(t)
	except := map[int]string{}
	for clause, ids := range exceptions {
		for _, id := range ids {
			except[id] = clause
		}
	}
	for _, v := range vectortest.Read[vector](t, "validate.jsonl") {
		out, vs := r.Validate("callflows", public(v.Input))
		wrong := v.compare(out, vs)
		switch clause := except[v.ID]; {
		case clause != "" && wrong == "":
			t.Errorf("%d agrees with Kazoo, against contract %s", v.ID, clause)
		case clause == "" && wrong != "":
			t.Errorf("%d %s: %s", v.ID, v.Group, wrong)
		}
	}
}

// compare says how our answer differs from Kazoo's: the verdict, the document
// to be stored, an error that Kazoo has and we do not. What crashed Kazoo must
// be refused (contract 11.2).
func (v vector) compare(out document.Doc, vs []problem.Violation) string {
	switch {
	case !v.OK && len(vs) == 0:
		return "accepted"
	case v.OK && len(vs) > 0:
		return fmt.Sprint("refused: ", vs)
	case v.OK && !same(map[string]any(out), map[string]any(v.Output)):
		return fmt.Sprintf("stored as %v, want %v", out, v.Output)
	}
	for _, e := range v.AllErrors {
		if !has(vs, e.Path, e.Code) {
			return fmt.Sprintf("no %s at %s", e.Code, e.Path)
		}
	}
	return ""
}
