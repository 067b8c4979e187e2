package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/callflowd/callflowd/pkg/document"
)

// compileAll compiles schemas that refer to one another. broken holds the
// error of each one that cannot be used; nodes is complete without them.
func compileAll(docs map[string]document.Doc) (nodes map[string]*node, broken map[string]error) {
	c := compiler{docs: docs, done: map[string]*node{}, broken: map[string]error{}}
	nodes = make(map[string]*node, len(docs))
	for _, name := range slices.Sorted(maps.Keys(docs)) {
		nodes[name] = c.root(name, "")
	}
	c.findCycles()
	return nodes, c.broken
}

type compiler struct {
	docs   map[string]document.Doc
	done   map[string]*node // by schema name and "#" and pointer
	broken map[string]error // the first error of each schema
}

// scope is a place in a schema document: what is being compiled.
type scope struct {
	*compiler
	name  string // of the document
	where string // JSON pointer, for errors
	key   string // last part of it that names a property of the instance
}

func (s scope) at(parts ...string) scope {
	s.where += "/" + strings.Join(parts, "/")
	return s
}

func (s scope) property(keyword, key string) scope {
	s = s.at(keyword, key)
	s.key = key
	return s
}

// fail notes an error of the document. The node that is being made is not used
// then.
func (s scope) fail(format string, args ...any) {
	if s.broken[s.name] == nil {
		s.broken[s.name] = fmt.Errorf("at %s: %w", s.where, fmt.Errorf(format, args...))
	}
}

// root compiles a document or the part of it that pointer names, once.
func (c *compiler) root(name, pointer string) *node {
	id := name + "#" + pointer
	if n := c.done[id]; n != nil {
		return n
	}
	n := &node{owner: name}
	c.done[id] = n
	s := scope{compiler: c, name: name, where: "#" + pointer}
	part, err := resolve(map[string]any(c.docs[name]), pointer)
	if err != nil {
		s.fail("%w", err)
		return n
	}
	s.fill(n, part)
	return n
}

// resolve finds the object a JSON pointer names.
func resolve(doc map[string]any, pointer string) (map[string]any, error) {
	var v any = doc
	for _, part := range strings.Split(pointer, "/")[1:] {
		part = strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
		switch parent := v.(type) {
		case map[string]any:
			v = parent[part]
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= len(parent) {
				return nil, fmt.Errorf("nothing at %s", pointer)
			}
			v = parent[i]
		default:
			return nil, fmt.Errorf("nothing at %s", pointer)
		}
	}
	if m, ok := v.(map[string]any); ok {
		return m, nil
	}
	return nil, fmt.Errorf("no schema at %s", pointer)
}

// target compiles what a $ref names: a schema of the registry, or a part of
// its own document ("#/definitions/x"). There is no other kind of reference.
func (s scope) target(ref string) *node {
	name, pointer, _ := strings.Cut(strings.TrimPrefix(ref, "./"), "#")
	if name == "" {
		name = s.name
	}
	if pointer != "" && (name != s.name || pointer[0] != '/') {
		s.fail("$ref %q has a fragment; only a JSON pointer into the same schema is allowed", ref)
		return nil
	}
	if _, ok := s.docs[name]; !ok {
		s.fail("$ref %q names no schema of the registry", ref)
		return nil
	}
	return s.root(name, pointer)
}

// sub compiles a schema within a schema.
func (s scope) sub(v any) *node {
	m, ok := v.(map[string]any)
	if !ok {
		s.fail("is not a schema")
		return nil
	}
	if ref, ok := m["$ref"].(string); ok && !constrains(m) {
		return s.target(ref)
	}
	n := &node{owner: s.name}
	s.fill(n, m)
	return n
}

// constrains tells whether a schema with a $ref asks for anything else.
func constrains(m map[string]any) bool {
	for key := range m {
		switch key {
		case "$ref", "description", "title", "default", "id", "name", "support_level":
		default:
			return true
		}
	}
	return false
}

func (s scope) subs(keyword string, v any) []*node {
	list, ok := v.([]any)
	if !ok || len(list) == 0 {
		s.at(keyword).fail("is not a list of schemas")
		return nil
	}
	out := make([]*node, len(list))
	for i, e := range list {
		out[i] = s.at(keyword, strconv.Itoa(i)).sub(e)
	}
	return out
}

// findCycles marks as broken the schemas that lead back to themselves while they
// judge the same value: judging would never end.
func (c *compiler) findCycles() {
	const active, finished = 1, 2
	state := map[*node]int{}
	var stack []*node
	var visit func(n *node)
	visit = func(n *node) {
		state[n] = active
		stack = append(stack, n)
		for _, m := range n.inPlace() {
			switch state[m] {
			case active:
				for _, on := range stack[slices.Index(stack, m):] {
					if c.broken[on.owner] == nil {
						c.broken[on.owner] = errors.New("refers to itself endlessly")
					}
				}
			case finished:
			default:
				visit(m)
			}
		}
		stack = stack[:len(stack)-1]
		state[n] = finished
	}
	for n := range reachable(c.done) {
		if state[n] == 0 {
			visit(n)
		}
	}
}

func compilePattern(text string) (*pattern, error) {
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, err
	}
	return &pattern{re: re, text: text}, nil
}

// literal returns a number of a schema that can be compared exactly.
func literal(v any) (json.Number, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return "", false
	}
	_, _, ok = split(string(n))
	return n, ok && len(n) <= 64
}
