package web

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"

	"github.com/callflowd/callflowd/pkg/problem"
)

// Answer is what a handler gives back; [Server.respond] makes a response of
// it. The zero value is a 200 with empty data.
type Answer struct {
	Status   int // 0 = 200
	Data     any // nil = {}
	Revision string
	ETag     string // without quotes; single documents have their revision
	Digest   bool   // the ETag is a digest of data, as lists have (contract 9.10)
	Location string // absolute path

	AuthToken string
	Members   Members
	Items     Items // instead of data: a list that is sent one by one
	chunked   bool  // the list's beginning is sent before the rest is known
	Raw       *RawBody
}

// Members are the envelope's members beside data that only some answers have.
type Members struct {
	PageSize     any              `json:"page_size,omitempty"` // a number, or its text (see chunked)
	StartKey     string           `json:"start_key,omitempty"`
	NextStartKey string           `json:"next_start_key,omitempty"`
	LastSeq      string           `json:"last_seq,omitempty"`
	Uncertain    []string         `json:"uncertain,omitempty"`
	Warnings     []map[string]any `json:"warnings,omitempty"`
}

func (m *Members) none() bool {
	return m.PageSize == nil && m.StartKey == "" && m.NextStartKey == "" && m.LastSeq == "" && m.Uncertain == nil && len(m.Warnings) == 0
}

// Items gives a list one by one. An error after the first byte breaks the
// connection, so that the client cannot take half a list for a whole one. It
// may be called more than once.
type Items func(context.Context) iter.Seq2[json.RawMessage, error]

// RawBody is an answer outside the envelope.
type RawBody struct {
	ContentType string
	Header      map[string]string // others
	Body        []byte
	Stream      func(context.Context, FlushWriter) error
	File        *File // the answer's ETag is the file's
}

// FlushWriter hands each piece to the client at once.
type FlushWriter interface {
	io.Writer
	Flush()
}

// Warn adds warnings to the envelope.
func (a *Answer) Warn(warnings []problem.Warning) *Answer {
	a.Members.Warnings = append(a.Members.Warnings, WarningList(warnings)...)
	return a
}

// WarningList gives warnings their wire form {path, code, message, …}.
func WarningList(warnings []problem.Warning) []map[string]any {
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

// Page makes a list's answer.
func Page[T any](items []T, startKey, nextStartKey string) *Answer {
	if items == nil {
		items = []T{}
	}
	return &Answer{Data: items, Digest: true, Members: Members{PageSize: len(items), StartKey: startKey, NextStartKey: nextStartKey}}
}

// Streamed answers paginate=false: items go from the view to the client one
// by one, and the paging members are left out.
func Streamed(list Items) *Answer { return &Answer{Items: list} }

// inChunks turns a page into the answer of is_chunked=true: the list is sent
// item by item, and page_size is text (contract 3).
func (a *Answer) inChunks() *Answer {
	list, ok := a.Data.([]json.RawMessage)
	if !ok {
		return a
	}
	out := *a
	out.Data, out.Digest, out.chunked = nil, false, true
	out.Members.PageSize = fmt.Sprint(a.Members.PageSize)
	out.Items = itemsOf(list)
	return &out
}

// itemsOf gives the items of a list in memory.
func itemsOf(list []json.RawMessage) Items {
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

// Created makes a 201 of an answer, with the new document's Location below
// the path that was asked.
func (c *Call) Created(a *Answer, id string) *Answer {
	a.Status = http.StatusCreated
	a.Location = "/" + c.Version + c.path + "/" + url.PathEscape(id)
	if c.own {
		a.Location = "/" + c.Version + "/accounts/" + c.Account() + c.path[len(ownAlias):] + "/" + url.PathEscape(id)
	}
	return a
}
