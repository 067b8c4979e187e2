package couchlite

import (
	"encoding/json"
	"strings"

	"github.com/callflowd/callflowd/pkg/couchlite/mango"
)

// idFilter lets named documents through.
type idFilter map[string]bool

func newIDFilter(raw json.RawMessage) (filter, error) {
	var ids []string
	if json.Unmarshal(raw, &ids) != nil || ids == nil {
		return nil, badRequest("`doc_ids` filter parameter is not a list of doc ids.")
	}
	f := idFilter{}
	for _, id := range ids {
		f[id] = true
	}
	return f, nil
}

func (f idFilter) match(c changeRow) (bool, error) { return f[c.rev.ID], nil }
func (idFilter) needsBody() bool                   { return false }
func (idFilter) close()                            {}

// designFilter lets design documents through.
type designFilter struct{}

func (designFilter) match(c changeRow) (bool, error) {
	return strings.HasPrefix(c.rev.ID, "_design/"), nil
}
func (designFilter) needsBody() bool { return false }
func (designFilter) close()          {}

// selectorFilter lets documents through that a selector means.
type selectorFilter struct{ *mango.Selector }

func newSelectorFilter(raw json.RawMessage) (filter, error) {
	s, err := mango.New(raw)
	if err != nil {
		text := err.Error() // CouchDB's begins with a capital
		return nil, badRequest(strings.ToUpper(text[:1]) + text[1:])
	}
	return selectorFilter{s}, nil
}

func (f selectorFilter) match(c changeRow) (bool, error) { return f.Match(c.body(docOptions{})) }
func (selectorFilter) needsBody() bool                   { return true }
func (selectorFilter) close()                            {}
