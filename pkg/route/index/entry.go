// Package index holds what the callflows of one account contribute and answers
// which of them takes a dialled number: exact numbers from a map, patterns by
// one automaton over all of them. It knows no storage.
//
// The rule is Kazoo's (contract 5.1) with this project's decisions (9.4, 9.13,
// 9.15): the exact number as dialled, then normalised; the patterns on the
// number as dialled, then normalised; then the callflow of the number
// no_match. Of the patterns that match, the one with the longest captured
// group wins, and of equals the last in the order of CouchDB's view.
//
// Documents come from Kazoo and other sites too, so they are not trusted: members
// that cannot be used are skipped and reported.
package index

import "github.com/callflowd/callflowd/pkg/document"

// NoMatch is the number whose callflow takes what nothing else takes.
const NoMatch = "no_match"

// Entry is what one callflow contributes to its account's routes.
type Entry struct {
	CallflowID string   `json:"id"`
	Name       string   `json:"name"` // for people: the document's name, its id without one
	Rev        string   `json:"rev"`
	Numbers    []string `json:"numbers,omitempty"`
	Patterns   []string `json:"patterns,omitempty"`
}

// EntryOf alone decides what a document contributes. It agrees with the map
// functions of listing_by_number and listing_by_pattern (contract 6.3):
// pvt_type is "callflow", pvt_deleted is not truthy in JavaScript, and every
// string in the arrays numbers and patterns counts. No lookup can find numbers
// and patterns that are not strings, so they are left out. It reports false for
// a document that contributes nothing.
func EntryOf(doc document.Doc) (Entry, bool) {
	if doc.Type() != "callflow" || !doc.Live() {
		return Entry{}, false
	}
	e := Entry{
		CallflowID: doc.ID(), Name: doc.String("name"), Rev: doc.Rev(),
		Numbers: doc.Strings("numbers"), Patterns: doc.Strings("patterns"),
	}
	if e.Name == "" {
		e.Name = e.CallflowID
	}
	return e, len(e.Numbers) > 0 || len(e.Patterns) > 0
}
