package ejson

import (
	"bytes"
	"encoding/json"
)

// span is one member already written to dst: the comma or brace before it
// excluded, its key with quotes.
type span struct {
	start, keyEnd, end int
	dead               bool
}

// manyMembers is from how many members on a map is used to find equal keys;
// comparing each with each is faster below.
const manyMembers = 12

// object copies an object. Of members with equal keys the last is kept, in
// its own place, as in CouchDB.
func (p *parser) object() error {
	split := p.split && p.depth == 1
	p.dst = append(p.dst, '{')
	p.space()
	if p.peek() == '}' {
		p.pos++
		p.dst = append(p.dst, '}')
		return nil
	}
	var few [manyMembers]span
	seen := members{spans: few[:0]}
	for {
		m, err := p.member()
		if err != nil {
			return err
		}
		if split && p.dst[m.start+1] == '_' {
			p.setSpecial(m)
		} else {
			seen.add(p.dst, m)
		}
		p.space()
		c := p.peek()
		p.pos++
		switch {
		case c == '}':
			p.dst = append(bytes.TrimSuffix(seen.sweep(p.dst), []byte{','}), '}')
			return nil
		case c != ',':
			return p.fail("expected , or }")
		case p.dst[len(p.dst)-1] != ',' && len(seen.spans) > 0:
			p.dst = append(p.dst, ',')
		}
	}
}

// member copies `"key":value` and says where it went.
func (p *parser) member() (span, error) {
	p.space()
	if p.peek() != '"' {
		return span{}, p.fail("expected a key")
	}
	m := span{start: len(p.dst)}
	if err := p.str(); err != nil {
		return m, err
	}
	m.keyEnd = len(p.dst)
	p.space()
	if p.peek() != ':' {
		return m, p.fail("expected :")
	}
	p.pos++
	p.dst = append(p.dst, ':')
	err := p.value()
	m.end = len(p.dst)
	return m, err
}

// setSpecial moves the member just written to p.special.
func (p *parser) setSpecial(m span) {
	name := unquote(p.dst[m.start:m.keyEnd])
	value := append([]byte(nil), p.dst[m.keyEnd+1:m.end]...)
	p.dst = p.dst[:m.start]
	for i := range p.special {
		if p.special[i].Name == name {
			p.special[i].Value = value
			return
		}
	}
	p.special = append(p.special, Member{name, value})
}

// members knows the members of one object by key.
type members struct {
	spans []span
	index map[string]int // once there are many
	dead  int            // how many spans a later member of the same key replaced
}

// add records m, and marks an earlier member of the same key as replaced.
func (s *members) add(dst []byte, m span) {
	key := dst[m.start:m.keyEnd]
	if at := s.find(dst, key); at >= 0 {
		s.spans[at].dead = true
		s.dead++
	}
	s.spans = append(s.spans, m)
	if s.index != nil {
		s.index[string(key)] = len(s.spans) - 1
	}
}

// sweep cuts the replaced members, each with the comma after it, out of dst,
// whose last member is alive.
func (s *members) sweep(dst []byte) []byte {
	if s.dead == 0 {
		return dst
	}
	to := s.spans[0].start
	for _, m := range s.spans {
		if !m.dead {
			to += copy(dst[to:], dst[m.start:min(m.end+1, len(dst))])
		}
	}
	return dst[:to]
}

// find returns the place of key among the spans, -1 when it is new.
func (s *members) find(dst, key []byte) int {
	if s.index == nil && len(s.spans) >= manyMembers {
		s.index = make(map[string]int, 2*len(s.spans))
		for i, m := range s.spans {
			if !m.dead {
				s.index[string(dst[m.start:m.keyEnd])] = i
			}
		}
	}
	if s.index != nil {
		if i, ok := s.index[string(key)]; ok {
			return i
		}
		return -1
	}
	for i, m := range s.spans {
		if !m.dead && string(dst[m.start:m.keyEnd]) == string(key) {
			return i
		}
	}
	return -1
}

// unquote decodes a canonical string.
func unquote(quoted []byte) string {
	inner := quoted[1 : len(quoted)-1]
	for _, c := range inner {
		if c == '\\' {
			var s string
			if json.Unmarshal(quoted, &s) != nil {
				return string(inner)
			}
			return s
		}
	}
	return string(inner)
}

// Members returns the keys of an object in their order, without those that a
// later member of the same key replaces, and the object in canonical form.
func Members(src []byte) (canonical []byte, keys []string, err error) {
	canonical, err = Canonical(src)
	if err != nil {
		return nil, nil, err
	}
	if canonical[0] != '{' {
		return nil, nil, ErrNotObject
	}
	dec := json.NewDecoder(bytes.NewReader(canonical))
	_, _ = dec.Token() // canonical JSON has no errors
	for dec.More() {
		key, _ := dec.Token()
		var skip json.RawMessage
		_ = dec.Decode(&skip)
		name, _ := key.(string)
		keys = append(keys, name)
	}
	return canonical, keys, nil
}
