// Package transfer takes the callflows of an account out as lines of JSON, in
// a form that is the same wherever they are stored, so that what was imported
// elsewhere can be exported again and compared; and brings them in.
//
// The first line is {"callflowd_export": 1, "account": ID, "at": TIME}. Each
// further one is a document, {"id", "type", "data"}: data are the public
// fields. Private fields say who wrote a document where and when, which is not
// true of a copy, and are left out. Documents come in the order of their ids,
// callflows first.
//
// With history a callflow is followed by its older versions, the newest first:
// {"history_of": ID, "revision", "action", "at", "data"}.
//
// The other form is a tar archive, with these lines in account.jsonl and the
// files of documents in attachments/ID/NAME, ID and NAME escaped as in a URL. A
// document's line then has its files in "attachments":
// {NAME: {"content_type", "length", "digest"}}. The digest is CouchDB's, md5- and the
// MD5 in base64.
package transfer

import (
	"context"
	"encoding/json"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/callflowd/callflowd/pkg/callflow"
	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// Version is the version of the form.
const Version = 1

// Header is the first line.
type Header struct {
	Export  int    `json:"callflowd_export"`
	Account string `json:"account"`
	At      string `json:"at"`
}

// Line is a document.
type Line struct {
	ID       string       `json:"id"`
	Type     string       `json:"type"`
	Revision string       `json:"revision,omitempty"`
	Data     document.Doc `json:"data"`

	Attachments map[string]File `json:"attachments,omitempty"` // by name; in an archive only
}

// Past is an older version of a callflow, a line after its own.
type Past struct {
	HistoryOf string       `json:"history_of"`
	Revision  string       `json:"revision"`
	Action    string       `json:"action"`
	At        string       `json:"at,omitempty"`
	Data      document.Doc `json:"data"`
}

// Options say what is taken out.
type Options struct {
	Account      string
	At           time.Time
	Revisions    bool     // each line has the document's revision
	Dependencies []string // types of documents that come along where a callflow refers to them
	// Versions gives the older versions of a callflow, nil for none.
	Versions func(ctx context.Context, id string) ([]callflow.Past, error)

	attachments bool // lines name them
}

// callflowType is the pvt_type of callflows.
const callflowType = "callflow"

// maxID is the longest text that may be the id of a document.
const maxID = 64

// Export gives the lines one by one. It holds no more than the ids that
// callflows refer to.
func Export(ctx context.Context, db *couch.DB, o Options) iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) {
		e := &export{ctx: ctx, db: db, o: o, yield: yield, named: map[string]bool{}, told: map[string]bool{}}
		if e.line(Header{Version, o.Account, o.At.UTC().Format(time.RFC3339)}, nil) && e.callflows() && len(o.Dependencies) > 0 {
			e.dependencies()
		}
	}
}

type export struct {
	ctx   context.Context
	db    *couch.DB
	o     Options
	yield func(json.RawMessage, error) bool
	named map[string]bool // what may be ids of documents
	told  map[string]bool // ids of documents that are out
}

// line hands out one line; false where nobody wants more.
func (e *export) line(v any, err error) bool {
	if err != nil {
		return e.yield(nil, err) && false
	}
	raw, err := json.Marshal(v)
	return e.yield(raw, err) && err == nil
}

// callflows hands out every live callflow.
func (e *export) callflows() bool {
	for row, err := range e.db.AllDocs(e.ctx, couch.Query{IncludeDocs: true}) {
		if err != nil {
			return e.line(nil, err)
		}
		if row.Doc == nil || strings.HasPrefix(row.ID, "_design/") {
			continue
		}
		doc, err := row.Document()
		if err != nil {
			return e.line(nil, err)
		}
		if doc.Type() != callflowType || !doc.Live() {
			continue
		}
		if !e.document(doc) || !e.past(doc.ID()) {
			return false
		}
	}
	return true
}

// past hands out the older versions of a callflow.
func (e *export) past(id string) bool {
	if e.o.Versions == nil {
		return true
	}
	list, err := e.o.Versions(e.ctx, id)
	if err != nil {
		return e.line(nil, err)
	}
	for _, p := range list {
		line := Past{HistoryOf: id, Revision: p.Revision, Action: p.Action, Data: p.Data}
		if !p.At.IsZero() {
			line.At = p.At.UTC().Format(time.RFC3339)
		}
		if !e.line(line, nil) {
			return false
		}
	}
	return true
}

func (e *export) document(doc document.Doc) bool {
	e.told[doc.ID()] = true
	data := doc.Content()
	if len(e.o.Dependencies) > 0 {
		e.collect(map[string]any(data))
	}
	line := Line{ID: doc.ID(), Type: doc.Type(), Data: data}
	if e.o.Revisions {
		line.Revision = doc.Rev()
	}
	if e.o.attachments && doc.Type() != callflowType {
		var ok bool
		if line.Attachments, ok = filesOf(doc.Object("_attachments")); !ok {
			return e.line(nil, &problem.Error{Code: problem.DatastoreFault, Msg: "attachments without a length: " + doc.ID()})
		}
	}
	return e.line(line, nil)
}

// collect notes every text that may be an id.
func (e *export) collect(v any) {
	switch v := v.(type) {
	case string:
		if v != "" && len(v) <= maxID {
			e.named[v] = true
		}
	case []any:
		for _, item := range v {
			e.collect(item)
		}
	case map[string]any:
		for _, member := range v {
			e.collect(member)
		}
	}
}

// page is how many documents are asked for at a time.
const page = 500

// dependencies hands out the documents that are referred to, and those that
// they refer to.
func (e *export) dependencies() {
	asked := map[string]bool{}
	for {
		var ids []string
		for id := range maps.Keys(e.named) {
			if !e.told[id] && !asked[id] {
				ids = append(ids, id)
			}
		}
		if len(ids) == 0 {
			return
		}
		slices.Sort(ids)
		for some := range slices.Chunk(ids, page) {
			docs, err := e.db.GetMany(e.ctx, some)
			if err != nil && !problem.Is(err, problem.BadIdentifier) {
				e.line(nil, err)
				return
			}
			for _, id := range some {
				asked[id] = true
				doc := docs[id]
				if doc == nil || !doc.Live() || !slices.Contains(e.o.Dependencies, doc.Type()) {
					continue
				}
				if !e.document(doc) {
					return
				}
			}
		}
	}
}
