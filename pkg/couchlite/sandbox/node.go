package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"unicode/utf8"
)

// maxDepth bounds the nesting of JSON that goes in or comes out.
const maxDepth = 2000

// valueCost is how many bytes a value of a document takes.
const valueCost = 320

var (
	errSyntax = errors.New("sandbox: invalid JSON")
	errDepth  = errors.New("sandbox: JSON nests too deep")
)

// A node is one value of a parsed document. Members of an object stand in the
// order JavaScript lists them: integers ascending, then as written; of members
// with the same name the last one counts.
type node struct {
	kind  byte // the first byte of the JSON text; '0' for a number
	num   float64
	str   string
	names []string
	nodes []node
	index map[string]int // by name, for wide objects
}

const wide = 12

// find returns the position of a member, or -1.
func (n *node) find(name string) int {
	if n.index != nil {
		if i, ok := n.index[name]; ok {
			return i
		}
		return -1
	}
	return slices.Index(n.names, name)
}

// chargeJSON counts what reading a JSON text takes, as nodes and then as values
// of the runtime.
func (r *realm) chargeJSON(text []byte) {
	cost := jsonCost(text)
	r.spend(cost >> 11)
	r.charge(cost)
}

func jsonCost(text []byte) int {
	values := 1
	for _, b := range []byte(",[{:") {
		values += bytes.Count(text, []byte{b})
	}
	return valueCost*values + 4*len(text)
}

// parse reads one JSON value.
func parse(text []byte) (*node, error) {
	p := jsonParser{text: text}
	n := new(node)
	if err := p.value(n); err != nil {
		return nil, err
	}
	if p.next() != 0 || p.pos < len(p.text) {
		return nil, errSyntax
	}
	return n, nil
}

type jsonParser struct {
	text  []byte
	pos   int
	depth int
}

// next skips white space and returns the byte that follows, 0 at the end.
func (p *jsonParser) next() byte {
	for ; p.pos < len(p.text); p.pos++ {
		switch b := p.text[p.pos]; b {
		case ' ', '\t', '\n', '\r':
		default:
			return b
		}
	}
	return 0
}

func (p *jsonParser) value(n *node) error {
	n.kind = p.next()
	switch n.kind {
	case 'n':
		return p.literal("null")
	case 't':
		return p.literal("true")
	case 'f':
		return p.literal("false")
	case '"':
		var err error
		n.str, err = p.string()
		return err
	case '[':
		return p.elements(']', func() error { return p.element(n) })
	case '{':
		if err := p.elements('}', func() error { return p.member(n) }); err != nil {
			return err
		}
		n.order()
		return nil
	}
	return p.number(n)
}

func (p *jsonParser) literal(word string) error {
	if !bytes.HasPrefix(p.text[p.pos:], []byte(word)) {
		return errSyntax
	}
	p.pos += len(word)
	return nil
}

func (p *jsonParser) elements(end byte, one func() error) error {
	p.depth++
	if p.depth > maxDepth {
		return errDepth
	}
	p.pos++
	if p.next() != end {
		for {
			if err := one(); err != nil {
				return err
			}
			b := p.next()
			if b == end {
				break
			}
			if b != ',' {
				return errSyntax
			}
			p.pos++
		}
	}
	p.pos++
	p.depth--
	return nil
}

func (p *jsonParser) element(n *node) error {
	n.nodes = append(n.nodes, node{})
	return p.value(&n.nodes[len(n.nodes)-1])
}

func (p *jsonParser) member(n *node) error {
	if p.next() != '"' {
		return errSyntax
	}
	name, err := p.string()
	if err != nil {
		return err
	}
	if p.next() != ':' {
		return errSyntax
	}
	p.pos++
	i := n.find(name)
	if i < 0 {
		i = len(n.names)
		n.names = append(n.names, name)
		n.nodes = append(n.nodes, node{})
		n.remember(i)
	}
	n.nodes[i] = node{}
	return p.value(&n.nodes[i])
}

// remember keeps the index of a wide object up to date.
func (n *node) remember(i int) {
	switch {
	case n.index != nil:
		n.index[n.names[i]] = i
	case len(n.names) > wide:
		n.index = make(map[string]int, 2*wide)
		for i, name := range n.names {
			n.index[name] = i
		}
	}
}

// order moves members named by an array index to the front, ascending.
func (n *node) order() {
	if !slices.ContainsFunc(n.names, isIndex) {
		return
	}
	perm := make([]int, len(n.names))
	for i := range perm {
		perm[i] = i
	}
	slices.SortStableFunc(perm, func(a, b int) int { return compareNames(n.names[a], n.names[b]) })
	names, nodes := make([]string, len(perm)), make([]node, len(perm))
	for to, from := range perm {
		names[to], nodes[to] = n.names[from], n.nodes[from]
	}
	n.names, n.nodes = names, nodes
	for i, name := range n.names {
		if n.index != nil {
			n.index[name] = i
		}
	}
}

func compareNames(a, b string) int {
	switch ia, ib := isIndex(a), isIndex(b); {
	case ia && ib && len(a) != len(b):
		return len(a) - len(b)
	case ia && ib:
		return bytes.Compare([]byte(a), []byte(b))
	case ia:
		return -1
	case ib:
		return 1
	}
	return 0
}

// isIndex says whether a name is an array index: 0 to 2³²-2 in plain decimal.
func isIndex(name string) bool {
	if name == "" || len(name) > 10 || name[0] < '0' || name[0] > '9' || (name[0] == '0' && len(name) > 1) {
		return false
	}
	i, err := strconv.ParseUint(name, 10, 32)
	return err == nil && i < 1<<32-1
}

// string reads the string at pos.
func (p *jsonParser) string() (string, error) {
	start := p.pos + 1
	for i := start; i < len(p.text); i++ {
		switch b := p.text[i]; {
		case b == '"':
			p.pos = i + 1
			if inner := p.text[start:i]; utf8.Valid(inner) {
				return string(inner), nil
			}
			return p.unquote(start-1, i+1)
		case b == '\\':
			return p.escaped(start, i)
		case b < ' ':
			return "", errSyntax
		}
	}
	return "", errSyntax
}

// escaped reads the string that begins before start and has an escape at i.
func (p *jsonParser) escaped(start, i int) (string, error) {
	for ; i < len(p.text); i++ {
		switch p.text[i] {
		case '\\':
			i++
		case '"':
			p.pos = i + 1
			return p.unquote(start-1, i+1)
		}
	}
	return "", errSyntax
}

func (p *jsonParser) unquote(from, to int) (string, error) {
	var s string
	if err := json.Unmarshal(p.text[from:to], &s); err != nil {
		return "", errSyntax
	}
	return s, nil
}

func (p *jsonParser) number(n *node) error {
	start := p.pos
	for p.pos < len(p.text) && isNumeric(p.text[p.pos]) {
		p.pos++
	}
	text := p.text[start:p.pos]
	if !json.Valid(text) {
		return errSyntax
	}
	n.kind = '0'
	// Beyond float64 is infinite, as in JavaScript.
	n.num, _ = strconv.ParseFloat(string(text), 64)
	return nil
}

func isNumeric(b byte) bool {
	return b >= '0' && b <= '9' || b == '-' || b == '+' || b == '.' || b == 'e' || b == 'E'
}
