package api

import (
	"context"
	"io"

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
	stream    stream // instead of data: writes it piece by piece
	raw       *rawBody
}

// members are the envelope's members beside data that only some answers have.
type members struct {
	PageSize     *int             `json:"page_size,omitempty"`
	StartKey     string           `json:"start_key,omitempty"`
	NextStartKey string           `json:"next_start_key,omitempty"`
	LastSeq      string           `json:"last_seq,omitempty"`
	Uncertain    []string         `json:"uncertain,omitempty"`
	Warnings     []map[string]any `json:"warnings,omitempty"`
}

func (m *members) none() bool {
	return m.PageSize == nil && m.StartKey == "" && m.NextStartKey == "" && m.LastSeq == "" && m.Uncertain == nil && len(m.Warnings) == 0
}

// stream writes the envelope's data. An error after the first byte breaks the
// connection, so that the client cannot take half a list for a whole one.
type stream func(context.Context, io.Writer) error

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
	n := len(items)
	return &answer{data: items, digest: true, members: members{PageSize: &n, StartKey: startKey, NextStartKey: nextStartKey}}
}
