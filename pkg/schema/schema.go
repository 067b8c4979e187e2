// Package schema decides whether a document is one that Kazoo would accept,
// and gives it the shape that Kazoo would store: defaults filled in, exact
// strings cast to integers and booleans, module by module down the flow
// (contract 2.1, 6.5, 9.14 and 11).
//
// A [Registry] is an immutable set of compiled draft-04 schemas. $ref names
// another schema of the set and nothing else: no reference ever leaves it.
// gojsonschema judges schema documents against the draft-04 meta-schema and is
// the reference in the tests; documents are judged by this package's own
// evaluator, which does casts, defaults and kazoo-validation, Kazoo's
// extensions, in the same pass.
//
// Validate returns the problems that forbid a save, Advise returns warnings.
// Neither changes its input, reads a clock, or resolves a name.
package schema

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// Registry is a set of schemas that refer to one another by name. It is
// immutable and safe for concurrent use.
type Registry struct {
	docs  map[string]document.Doc
	nodes map[string]*node
	urls  URLPolicy
}

// Embedded returns the schemas built into the program. It fails only if a file
// of package schemas is broken.
func Embedded() (*Registry, error) {
	s, err := readShipped()
	if err != nil {
		return nil, err
	}
	nodes, broken := compileAll(s.docs)
	for _, name := range slices.Sorted(maps.Keys(broken)) {
		return nil, fmt.Errorf("schema %s: %w", name, broken[name])
	}
	return &Registry{docs: s.docs, nodes: nodes}, nil
}

// WithURLs returns a registry of the same schemas that judges URLs by policy.
func (r *Registry) WithURLs(policy URLPolicy) *Registry {
	return &Registry{docs: r.docs, nodes: r.nodes, urls: policy}
}

// Names returns the names of all schemas in order.
func (r *Registry) Names() []string { return slices.Sorted(maps.Keys(r.docs)) }

// modules returns in order what follows prefix in the names of schemas.
func (r *Registry) modules(prefix string) []string {
	var out []string
	for name := range r.docs {
		if module, ok := strings.CutPrefix(name, prefix); ok {
			out = append(out, module)
		}
	}
	slices.Sort(out)
	return out
}

// Schema returns a copy of the schema document of that name.
func (r *Registry) Schema(name string) (document.Doc, bool) {
	doc, ok := r.docs[name]
	if !ok {
		return nil, false
	}
	return doc.Clone(), true
}

// Validate judges doc by the named schema. out is a deep copy of doc with
// defaults and casts, to be stored if vs is empty. vs holds all problems,
// ordered by path and code; after the first 1,000 the search ends. A document
// nested deeper than 512 levels is refused and comes back as it is. A name that
// is not in the registry is a violation at path "schema" (contract 1.9).
func (r *Registry) Validate(name string, doc document.Doc) (out document.Doc, vs []problem.Violation) {
	root, ok := r.nodes[name]
	if !ok {
		return doc.Clone(), []problem.Violation{unknownSchema(name)}
	}
	v := run{reg: r}
	copied, ok := v.start(map[string]any(doc))
	if !ok {
		return doc, []problem.Violation{{Code: "error", Message: fmt.Sprintf("the document is nested deeper than %d levels", maxDepth)}}
	}
	out, _ = v.check(root, copied).(map[string]any)
	v.reportFits()
	v.reportNewer()
	return out, tidy(v.found)
}

// tidy orders violations by path and code and drops repetitions.
func tidy(vs []problem.Violation) []problem.Violation {
	slices.SortStableFunc(vs, func(a, b problem.Violation) int {
		if c := strings.Compare(a.Path, b.Path); c != 0 {
			return c
		}
		if c := strings.Compare(a.Code, b.Code); c != 0 || a.Code != codeSchema {
			return c
		}
		x, _ := a.Members["schema"].(string) // several schemas are missing: the same one is named each time
		y, _ := b.Members["schema"].(string)
		return strings.Compare(x, y)
	})
	return slices.CompactFunc(vs, func(a, b problem.Violation) bool { return a.Path == b.Path && a.Code == b.Code })
}
