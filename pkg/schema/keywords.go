package schema

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// fill compiles the keywords of one schema. Unknown keywords are ignored, and
// those of draft-04 that say nothing about a document.
func (s scope) fill(n *node, m map[string]any) {
	n.maxLength, n.maxItems, n.maxProperties = -1, -1, -1
	if ref, ok := m["$ref"]; ok {
		text, _ := ref.(string)
		n.ref = s.target(text)
	}
	s.fillType(n, m["type"])
	if v, ok := m["enum"]; ok {
		n.enum = s.list("enum", v)
	}
	s.fillScalar(n, m)
	s.fillArray(n, m)
	s.fillObject(n, m)
	for keyword, field := range map[string]*[]*node{"allOf": &n.allOf, "anyOf": &n.anyOf, "oneOf": &n.oneOf} {
		if v, ok := m[keyword]; ok {
			*field = s.subs(keyword, v)
		}
	}
	if v, ok := m["not"]; ok {
		n.not = s.at("not").sub(v)
	}
	if v, ok := m["kazoo-4.3"]; ok {
		n.older = s.at("kazoo-4.3").sub(v)
	}
	n.url = s.isURL(m)
}

// isURL tells whether a property holds what a switch or this service would
// fetch: the facts of its schema name it, or it is a URL that Kazoo checks too
// (contract 6.5 and 11.7).
func (s scope) isURL(m map[string]any) bool {
	if about := shippedModule(s.name); about != nil && slices.Contains(about.URLs, s.key) {
		return true
	}
	return m["kazoo-validation"] == true && (strings.HasSuffix(s.key, "url") || s.key == "uri")
}

func (s scope) fillType(n *node, v any) {
	var names []string
	switch v := v.(type) {
	case nil:
		return
	case string:
		names = []string{v}
	default:
		names = s.strings("type", v)
	}
	for _, name := range names {
		kind, ok := typeKinds(name)
		if !ok {
			s.at("type").fail("%q is not a type", name)
		}
		n.kinds |= kind
	}
	n.types = strings.Join(names, ", ")
	if _, single := v.(string); single {
		n.cast = n.kinds & (kindBoolean | kindNumber)
	}
}

func (s scope) fillScalar(n *node, m map[string]any) {
	s.count(m, "minLength", &n.minLength)
	s.count(m, "maxLength", &n.maxLength)
	if v, ok := m["pattern"]; ok {
		text, _ := v.(string)
		p, err := compilePattern(text)
		if err != nil {
			s.at("pattern").fail("%w", err)
		}
		n.pattern = p
	}
	n.format, _ = m["format"].(string)
	var ok bool
	for keyword, v := range map[string]any{"minimum": m["minimum"], "maximum": m["maximum"], "multipleOf": m["multipleOf"]} {
		if v == nil {
			continue
		}
		number, fit := literal(v)
		if !fit || keyword == "multipleOf" && compare(number, "0") <= 0 {
			s.at(keyword).fail("is not a number that can be compared")
			continue
		}
		switch keyword {
		case "minimum":
			n.minimum = number
		case "maximum":
			n.maximum = number
		default:
			n.multipleOf = number
		}
	}
	if n.exclusiveMin, ok = m["exclusiveMinimum"].(bool); !ok && m["exclusiveMinimum"] != nil {
		s.at("exclusiveMinimum").fail("is not true or false")
	}
	if n.exclusiveMax, ok = m["exclusiveMaximum"].(bool); !ok && m["exclusiveMaximum"] != nil {
		s.at("exclusiveMaximum").fail("is not true or false")
	}
}

func (s scope) fillArray(n *node, m map[string]any) {
	s.count(m, "minItems", &n.minItems)
	s.count(m, "maxItems", &n.maxItems)
	n.uniqueItems, _ = m["uniqueItems"].(bool)
	switch items := m["items"].(type) {
	case nil:
	case []any:
		n.tuple = make([]*node, len(items))
		for i, e := range items {
			n.tuple[i] = s.at("items", strconv.Itoa(i)).sub(e)
		}
		n.noMoreItems = m["additionalItems"] == false
		if rest, ok := m["additionalItems"].(map[string]any); ok {
			n.restItems = s.at("additionalItems").sub(rest)
		}
	default:
		n.items = s.at("items").sub(items)
	}
}

func (s scope) fillObject(n *node, m map[string]any) {
	s.count(m, "minProperties", &n.minProperties)
	s.count(m, "maxProperties", &n.maxProperties)
	if v, ok := m["required"]; ok {
		n.required = s.strings("required", v)
	}
	s.fillProperties(n, s.object("properties", m["properties"]))
	s.fillPatterns(n, s.object("patternProperties", m["patternProperties"]))
	switch v := m["additionalProperties"].(type) {
	case nil:
	case bool:
		n.noAdditional = !v
	default:
		n.additional = s.at("additionalProperties").sub(v)
	}
	dependencies := s.object("dependencies", m["dependencies"])
	for _, key := range slices.Sorted(maps.Keys(dependencies)) {
		d := dependency{key: key}
		if keys, ok := dependencies[key].([]any); ok {
			d.keys = s.strings("dependencies", keys)
		} else {
			d.node = s.at("dependencies", key).sub(dependencies[key])
		}
		n.dependencies = append(n.dependencies, d)
	}
}

// fillProperties compiles properties. A default counts only where its
// property states a type that it has, as in Kazoo's validator.
func (s scope) fillProperties(n *node, properties map[string]any) {
	if len(properties) == 0 {
		return
	}
	n.properties = make(map[string]*node, len(properties))
	for _, key := range slices.Sorted(maps.Keys(properties)) {
		p := s.property("properties", key)
		n.properties[key] = p.sub(properties[key])
		raw, _ := properties[key].(map[string]any)
		if value, ok := raw["default"]; ok && n.properties[key] != nil && kindOf(value)&n.properties[key].kinds != 0 {
			n.defaults = append(n.defaults, defaultValue{key: key, value: value, node: n.properties[key]})
		}
		if raw["kazoo-validation"] == true && (key == "module" || key == "data") {
			n.modulePrefix = modulePrefix(s.name)
		}
	}
}

// modulePrefix returns what the names of the schemas of modules begin with,
// where name is the schema of a node of a flow (contract 6.5).
func modulePrefix(name string) string {
	switch name {
	case "callflows.action":
		return "callflows."
	case "metaflow":
		return "metaflows."
	}
	return ""
}

// fillPatterns compiles patternProperties. The children of a node of a flow
// are branches whatever their keys. Kazoo ignores those whose key its pattern .+
// does not match (contract 11.6).
func (s scope) fillPatterns(n *node, patterns map[string]any) {
	for _, text := range slices.Sorted(maps.Keys(patterns)) {
		child := s.at("patternProperties", text).sub(patterns[text])
		if text == ".+" && s.key == "children" && modulePrefix(s.name) != "" {
			n.branches = child
			continue
		}
		p, err := compilePattern(text)
		if err != nil {
			s.at("patternProperties").fail("%w", err)
			continue
		}
		n.patterns = append(n.patterns, patternProperty{pattern: p, node: child})
	}
}

// count reads a keyword whose value is a number of characters, items or members.
func (s scope) count(m map[string]any, keyword string, field *int) {
	v, ok := m[keyword]
	if !ok {
		return
	}
	number, _ := literal(v)
	plain, _ := integerText(string(number))
	count, err := strconv.Atoi(plain)
	if err != nil || count < 0 {
		s.at(keyword).fail("must be a whole number, 0 or more")
		return
	}
	*field = count
}

func (s scope) object(keyword string, v any) map[string]any {
	m, ok := v.(map[string]any)
	if !ok && v != nil {
		s.at(keyword).fail("must be an object")
	}
	return m
}

func (s scope) list(keyword string, v any) []any {
	list, ok := v.([]any)
	if !ok || len(list) == 0 {
		s.at(keyword).fail("must be an array that is not empty")
	}
	return list
}

func (s scope) strings(keyword string, v any) []string {
	list := s.list(keyword, v)
	out := make([]string, len(list))
	for i, e := range list {
		text, ok := e.(string)
		if !ok {
			s.at(keyword).fail("must hold strings only")
		}
		out[i] = text
	}
	return out
}

// reachable returns every node that the roots lead to.
func reachable(roots map[string]*node) map[*node]struct{} {
	seen := map[*node]struct{}{}
	queue := slices.Collect(maps.Values(roots))
	for len(queue) > 0 {
		n := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		if _, ok := seen[n]; ok || n == nil {
			continue
		}
		seen[n] = struct{}{}
		queue = append(queue, n.inPlace()...)
		queue = append(queue, n.tuple...)
		queue = append(queue, n.items, n.restItems, n.additional, n.branches)
		queue = slices.AppendSeq(queue, maps.Values(n.properties))
		for _, p := range n.patterns {
			queue = append(queue, p.node)
		}
	}
	return seen
}
