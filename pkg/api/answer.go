package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"

	"github.com/callflowd/callflowd/pkg/problem"
)

// answer is what a handler gives back; [Server.respond] makes a response of
// it. The zero value is a 200 with empty data.
type answer struct {
	status   int // 0 = 200
	data     any // nil = {}
	revision string
	etag     string // without quotes; single documents have their revision
	digest   bool   // the ETag is a digest of data, as lists have (contract 9.10)
	location string // absolute path

	authToken string
	members   members
	items     items // instead of data: a list that is sent one by one
	chunked   bool  // the list's beginning is sent before the rest is known
	raw       *rawBody
}

// members are the envelope's members beside data that only some answers have.
type members struct {
	PageSize     any              `json:"page_size,omitempty"` // a number, or its text (see chunked)
	StartKey     string           `json:"start_key,omitempty"`
	NextStartKey string           `json:"next_start_key,omitempty"`
	LastSeq      string           `json:"last_seq,omitempty"`
	Uncertain    []string         `json:"uncertain,omitempty"`
	Warnings     []map[string]any `json:"warnings,omitempty"`
}

func (m *members) none() bool {
	return m.PageSize == nil && m.StartKey == "" && m.NextStartKey == "" && m.LastSeq == "" && m.Uncertain == nil && len(m.Warnings) == 0
}

// items gives a list one by one. An error after the first byte breaks the
// connection, so that the client cannot take half a list for a whole one. It
// may be asked for more than once.
type items func(context.Context) iter.Seq2[json.RawMessage, error]

// rawBody is an answer outside the envelope.
type rawBody struct {
	contentType string
	body        []byte
	stream      func(context.Context, flushWriter) error
}

// flushWriter hands each piece to the client at once.
type flushWriter interface {
	io.Writer
	Flush()
}

// warn adds the findings that did not forbid what was asked.
func (a *answer) warn(warnings []problem.Warning) *answer {
	a.members.Warnings = append(a.members.Warnings, warningList(warnings)...)
	return a
}

// warningList gives warnings their wire form {path, code, message, …}.
func warningList(warnings []problem.Warning) []map[string]any {
	out := make([]map[string]any, 0, len(warnings))
	for _, w := range warnings {
		one := make(map[string]any, len(w.Members)+3)
		for k, v := range w.Members {
			one[k] = v
		}
		one["path"], one["code"], one["message"] = w.Path, w.Code, w.Message
		out = append(out, one)
	}
	return out
}

// page makes a list's answer.
func page[T any](items []T, startKey, nextStartKey string) *answer {
	if items == nil {
		items = []T{}
	}
	return &answer{data: items, digest: true, members: members{PageSize: len(items), StartKey: startKey, NextStartKey: nextStartKey}}
}

// streamed answers paginate=false: items go from the view to the client one
// by one, and the paging members are left out.
func streamed(list items) *answer { return &answer{items: list} }

// inChunks makes the answer of is_chunked=true out of a page: sent as it
// comes, and page_size, which follows the list, is text (contract 3).
func (a *answer) inChunks() *answer {
	list, ok := a.data.([]json.RawMessage)
	if !ok {
		return a
	}
	out := *a
	out.data, out.digest, out.chunked = nil, false, true
	out.members.PageSize = fmt.Sprint(a.members.PageSize)
	out.items = itemsOf(list)
	return &out
}

// itemsOf gives a list that is there.
func itemsOf(list []json.RawMessage) items {
	return func(context.Context) iter.Seq2[json.RawMessage, error] {
		return func(yield func(json.RawMessage, error) bool) {
			for _, item := range list {
				if !yield(item, nil) {
					return
				}
			}
		}
	}
}
