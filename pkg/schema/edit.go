package schema

import (
	"crypto/sha256"
	"strings"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// Brought tells the problems of an edited document that the edit brings from
// those that it leaves as stored (contract 9.28). before are the problems of
// the stored document and after those of the edited one, found by the same
// judges; both documents are as judged, with defaults and casts.
//
// A problem is kept if the stored document has one of the same code at the
// same path with the same value there, or with nothing there in both. The items
// of an array may have moved within it. As many are kept as were there before.
func Brought(stored, edited document.Doc, before, after []problem.Violation) (brought []problem.Violation, kept []problem.Warning) {
	stood := map[problemKey]int{}
	for _, v := range before {
		stood[problemKeyOf(stored, v)]++
	}
	for _, v := range after {
		key := problemKeyOf(edited, v)
		if stood[key] == 0 {
			brought = append(brought, v)
			continue
		}
		stood[key]--
		kept = append(kept, v)
	}
	return brought, kept
}

// problemKey is what a problem of a stored document and the same problem of
// an edited one have in common.
type problemKey struct {
	path, code string
	value      [sha256.Size]byte // of nothing where nothing stands at path
}

func problemKeyOf(doc document.Doc, v problem.Violation) problemKey {
	path, value, ok := lookUp(map[string]any(doc), v.Path)
	key := problemKey{path: path, code: v.Code}
	switch {
	case v.Code == codeSchema: // its path says no place; a member names the schema
		name, _ := v.Members["schema"].(string)
		key.value = sha256.Sum256([]byte(name))
	case ok:
		key.value = sha256.Sum256([]byte(identity(value, numberTerm)))
	}
	return key
}

// lookUp follows the path of a violation, as [problem.Join] writes it. It
// returns the path without the indexes of items, and what stands there.
func lookUp(v any, path string) (plain string, value any, ok bool) {
	var out strings.Builder
	ok = true
	for part := range strings.SplitSeq(path, ".") {
		if list, isList := v.([]any); isList {
			i, there := problem.ItemOf(list, part)
			if ok = ok && there; ok {
				v = list[i]
			}
			out.WriteString(".[]")
			continue
		}
		out.WriteString("." + part)
		m, _ := v.(map[string]any)
		key, there := problem.MemberOf(m, part)
		v, ok = m[key], ok && there
	}
	return out.String(), v, ok
}
