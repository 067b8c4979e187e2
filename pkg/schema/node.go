package schema

import (
	"encoding/json"
	"regexp"
)

// kinds is a set of JSON types.
type kinds uint8

const (
	kindNull kinds = 1 << iota
	kindBoolean
	kindInteger  // a number without a fraction: 2, 2.0, 1e2
	kindFraction // any other number
	kindString
	kindArray
	kindObject

	kindNumber = kindInteger | kindFraction
)

// typeKinds gives draft-04's type names.
func typeKinds(name string) (kinds, bool) {
	switch name {
	case "null":
		return kindNull, true
	case "boolean":
		return kindBoolean, true
	case "integer":
		return kindInteger, true
	case "number":
		return kindNumber, true
	case "string":
		return kindString, true
	case "array":
		return kindArray, true
	case "object":
		return kindObject, true
	}
	return 0, false
}

// kindOf returns the type of a decoded value, and 0 for a Go value that JSON
// does not have.
func kindOf(v any) kinds {
	switch v := v.(type) {
	case nil:
		return kindNull
	case bool:
		return kindBoolean
	case string:
		return kindString
	case json.Number:
		if _, ok := integerText(string(v)); ok {
			return kindInteger
		}
		return kindFraction
	case []any:
		return kindArray
	case map[string]any:
		return kindObject
	}
	return 0
}

// node is one compiled schema. A nil pointer, a nil slice and a negative bound
// stand for a keyword that is not there.
type node struct {
	owner string // the schema document it is written in

	kinds kinds  // allowed types; 0 allows all
	types string // the same as Kazoo names it in an error: "string", "a, b"
	cast  kinds  // the single type that strings are cast to: integer, number, boolean
	enum  []any

	minLength, maxLength int
	pattern              *pattern
	format               string
	url                  bool // judged by the registry's URLPolicy

	minimum, maximum, multipleOf json.Number // "" is none
	exclusiveMin, exclusiveMax   bool

	items         *node   // for every item
	tuple         []*node // for the first items, instead
	restItems     *node   // for the items after the tuple
	noMoreItems   bool
	minItems      int
	maxItems      int
	uniqueItems   bool
	properties    map[string]*node
	patterns      []patternProperty
	additional    *node
	noAdditional  bool
	branches      *node // every member is one, whatever its key; the empty key is refused
	required      []string
	defaults      []defaultValue
	dependencies  []dependency
	minProperties int
	maxProperties int
	modulePrefix  string // an action: its data is judged by the schema modulePrefix + module
	allOf         []*node
	anyOf         []*node
	oneOf         []*node
	not           *node
	ref           *node
	older         *node // the rule of Kazoo 4.3, where it is looser: what it accepts is accepted
}

type patternProperty struct {
	pattern *pattern
	node    *node
}

type defaultValue struct {
	key   string
	value any
	node  *node
}

// dependency asks for keys, or for a schema, where key is present.
type dependency struct {
	key  string
	keys []string
	node *node
}

// inPlace lists the schemas that judge the same value as n does.
func (n *node) inPlace() []*node {
	var out []*node
	for _, list := range [][]*node{n.allOf, n.anyOf, n.oneOf, {n.not, n.ref, n.older}} {
		for _, m := range list {
			if m != nil {
				out = append(out, m)
			}
		}
	}
	for _, d := range n.dependencies {
		if d.node != nil {
			out = append(out, d.node)
		}
	}
	return out
}

// pattern is a regular expression as Kazoo's engine reads it: its $ also
// matches before a final newline (contract 11.11).
type pattern struct {
	re   *regexp.Regexp
	text string
}

func (p *pattern) match(s string) bool {
	if p.re.MatchString(s) {
		return true
	}
	end := len(s) - 1
	return end >= 0 && s[end] == '\n' && p.text != "" && p.text[len(p.text)-1] == '$' && p.re.MatchString(s[:end])
}
