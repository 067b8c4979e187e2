package view

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/callflowd/callflowd/pkg/couchlite/ejson"
	"github.com/callflowd/callflowd/pkg/couchlite/fault"
)

// parameter is one value: of a query string, or of a JSON body when raw is set.
type parameter struct {
	text string
	raw  json.RawMessage
}

// json returns the value in canonical form.
func (p parameter) json() (json.RawMessage, error) {
	if p.raw != nil {
		return p.raw, nil // canonical since the body was read
	}
	canonical, err := ejson.Canonical([]byte(p.text))
	if err != nil {
		return nil, fault.BadRequest("invalid UTF-8 JSON")
	}
	return canonical, nil
}

// string returns text as it is, and other JSON as its text.
func (p parameter) string() *string {
	s := p.text
	if p.raw != nil && json.Unmarshal(p.raw, &s) != nil {
		s = string(p.raw)
	}
	return &s
}

func (p parameter) word() string { return *p.string() }

func (p parameter) bool() (bool, error) {
	switch strings.ToLower(p.word()) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, fault.Parse("Invalid boolean parameter: " + p.shown())
}

func (p parameter) count() (int, error) {
	text := p.text
	if p.raw != nil {
		text = string(p.raw)
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, fault.Parse("Invalid value for integer: " + p.shown())
	}
	if n < 0 {
		return 0, fault.Parse("Invalid value for positive integer: " + p.shown())
	}
	return n, nil
}

// shown is the value as an Erlang term, which CouchDB's messages quote.
func (p parameter) shown() string {
	switch {
	case p.raw == nil:
		return strconv.Quote(p.text)
	case p.raw[0] == '"':
		return "<<" + string(p.raw) + ">>"
	}
	return string(p.raw)
}
