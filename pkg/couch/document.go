package couch

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/go-kivik/kivik/v4/couchdb/chttp"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// Get returns the winning revision of a document, soft-deleted ones included.
// Absent or deleted, the error is [problem.BadIdentifier]; without its
// database, [problem.MissingDatabase].
func (d *DB) Get(ctx context.Context, id string) (document.Doc, error) {
	raw, err := d.winner(ctx, id)
	if err != nil {
		return nil, err
	}
	return d.decode(id, raw)
}

// winner reads a document, together with what others read in the database at
// the moment.
func (d *DB) winner(ctx context.Context, id string) (json.RawMessage, error) {
	if d.client.reads == nil || id == "" || id[0] == '_' || dots(id) {
		return d.read(ctx, id, nil)
	}
	raw, err := d.client.reads.call(ctx, d, id)
	return raw, d.wrap(err, "get", id)
}

// GetRev returns one revision of a document, if the server still has it:
// leaves always, others until compaction. Otherwise, and if no revision could
// be named so, the error is [problem.BadIdentifier].
func (d *DB) GetRev(ctx context.Context, id, rev string) (document.Doc, error) {
	if !isRev(rev) {
		return nil, d.absent(id, "get malformed revision of")
	}
	doc, err := d.get(ctx, id, url.Values{"rev": {rev}})
	if problem.Is(err, problem.Invalid) {
		return nil, d.absent(id, "get malformed revision of")
	}
	return doc, err
}

// GetRevs returns those of several revisions of a document that the server
// still has, in no certain order.
func (d *DB) GetRevs(ctx context.Context, id string, revs []string) ([]document.Doc, error) {
	list, err := json.Marshal(revs)
	if err != nil || len(revs) == 0 {
		return nil, err
	}
	return d.openRevs(ctx, id, string(list))
}

// GetRaw returns the winning revision as [DB.Get] does, undecoded, for documents
// in which the order of members counts.
func (d *DB) GetRaw(ctx context.Context, id string) (json.RawMessage, error) {
	raw, err := d.winner(ctx, id)
	if err == nil && !json.Valid(raw) {
		err = d.wrap(errors.New("the answer is no JSON"), "decode", id)
	}
	return raw, err
}

func (d *DB) get(ctx context.Context, id string, query url.Values) (document.Doc, error) {
	raw, err := d.read(ctx, id, query)
	if err != nil {
		return nil, err
	}
	return d.decode(id, raw)
}

func (d *DB) decode(id string, raw json.RawMessage) (document.Doc, error) {
	var doc document.Doc
	if err := doc.UnmarshalJSON(raw); err != nil {
		return nil, d.wrap(err, "decode", id)
	}
	return doc, nil
}

// read asks for a document. kivik's own Get decodes it once more on its way.
func (d *DB) read(ctx context.Context, id string, query url.Values) (json.RawMessage, error) {
	if !readable(id) {
		return nil, d.absent(id, "get")
	}
	if dots(id) {
		return d.readInBody(ctx, id, query.Get("rev"))
	}
	ctx, cancel := d.client.limit(ctx)
	defer cancel()
	res, err := d.client.http.DoReq(ctx, http.MethodGet, docPath(d.name, id), &chttp.Options{Query: query})
	if err == nil {
		err = chttp.ResponseError(res)
	}
	if err != nil {
		return nil, d.wrap(cause(ctx, err), "get", id)
	}
	defer func() { _ = res.Body.Close() }()
	var text bytes.Buffer
	if res.ContentLength > 0 && res.ContentLength <= maxBuffered {
		text.Grow(int(res.ContentLength) + bytes.MinRead)
	}
	if _, err := text.ReadFrom(res.Body); err != nil {
		return nil, d.wrap(cause(ctx, err), "get", id)
	}
	return text.Bytes(), nil
}

func (d *DB) absent(id, op string) error {
	return &problem.Error{Code: problem.BadIdentifier, Data: badIdentifier(id), Msg: op + " " + d.at(id)}
}

// Leaves returns every leaf revision of a document, deleted ones (_deleted)
// too, the winner first and the others in the order they would win.
func (d *DB) Leaves(ctx context.Context, id string) ([]document.Doc, error) {
	leaves, err := d.openRevs(ctx, id, "all")
	if err == nil && len(leaves) == 0 {
		err = d.absent(id, "get the leaves of")
	}
	slices.SortFunc(leaves, byWinning)
	return leaves, err
}

func (d *DB) openRevs(ctx context.Context, id, which string) ([]document.Doc, error) {
	found, err := d.revisions(ctx, id, url.Values{"open_revs": {which}})
	if err != nil {
		return nil, err
	}
	docs := make([]document.Doc, len(found))
	for i, raw := range found {
		if err := docs[i].UnmarshalJSON(raw); err != nil {
			return nil, d.wrap(err, "decode", id)
		}
	}
	return docs, nil
}

// revisions returns those revisions of a document that the server has of the
// ones that open_revs names.
func (d *DB) revisions(ctx context.Context, id string, query url.Values) ([]json.RawMessage, error) {
	if !readable(id) {
		return nil, d.absent(id, "get revisions of")
	}
	ctx, cancel := d.client.limit(ctx)
	defer cancel()
	var rows []openRevision
	var err error
	if dots(id) {
		rows, err = d.bulkGet(ctx, id, query)
	} else {
		err = d.client.http.DoJSON(ctx, http.MethodGet, docPath(d.name, id), &chttp.Options{Query: query}, &rows)
	}
	if err != nil {
		return nil, d.wrap(cause(ctx, err), "get revisions of", id)
	}
	var found []json.RawMessage
	for _, row := range rows {
		if row.OK != nil {
			found = append(found, row.OK)
		}
	}
	return found, nil
}

// byWinning orders leaves by CouchDB's rule: living before deleted, then the
// longer history, then the greater hash.
func byWinning(a, b document.Doc) int {
	if da, db := document.Truthy(a["_deleted"]), document.Truthy(b["_deleted"]); da != db {
		if da {
			return 1
		}
		return -1
	}
	ga, ha := splitRev(a.Rev())
	gb, hb := splitRev(b.Rev())
	return cmp.Or(cmp.Compare(gb, ga), cmp.Compare(hb, ha))
}

func splitRev(rev string) (generation int, hash string) {
	number, hash, _ := strings.Cut(rev, "-")
	generation, _ = strconv.Atoi(number)
	return generation, hash
}

func isRev(rev string) bool {
	generation, hash := splitRev(rev)
	return generation > 0 && hash != ""
}

// Put saves a document under its _id and records its new revision in it. A
// document without _rev is created. If the stored revision is not the
// document's, the error is [problem.Conflict]; what CouchDB refuses to hold
// is [problem.Invalid] or [problem.TooLarge].
func (d *DB) Put(ctx context.Context, doc document.Doc) error {
	id := doc.ID()
	body, err := json.Marshal(doc)
	if err != nil || !readable(id) {
		return &problem.Error{Code: problem.Internal, Msg: "put a document that cannot be one: " + d.at(id), Err: err}
	}
	if dots(id) {
		_, err := d.putInBody(ctx, doc)
		return err
	}
	rows, err := d.save(ctx, saving{ids: []string{id}, bodies: []json.RawMessage{body}, single: true})
	if err != nil {
		return d.wrap(err, "put", id)
	}
	isNew := doc.Rev() == ""
	doc.SetRev(rows[0].Rev)
	d.wrote(doc, isNew)
	return nil
}

// Delete leaves a tombstone in place of that revision of a document and
// returns the tombstone's revision. (Kazoo's soft deletion is a [DB.Put].)
func (d *DB) Delete(ctx context.Context, id, rev string) (newRev string, err error) {
	if !readable(id) || !isRev(rev) {
		return "", d.absent(id, "delete")
	}
	if dots(id) {
		return d.putInBody(ctx, document.Doc{"_id": id, "_rev": rev, "_deleted": true})
	}
	ctx, cancel := d.client.limit(ctx)
	defer cancel()
	newRev, err = d.kivik.Delete(ctx, id, rev)
	if err != nil {
		return "", d.wrap(cause(ctx, err), "delete", id)
	}
	d.wrote(document.Doc{"_id": id, "_rev": newRev, "_deleted": true}, false)
	return newRev, nil
}

// DeleteLocal removes a document that is not replicated. It leaves no tombstone,
// and its revisions are 0-1, 0-2 and so on.
func (d *DB) DeleteLocal(ctx context.Context, id, rev string) error {
	ctx, cancel := d.client.limit(ctx)
	defer cancel()
	path := "/" + docPath(d.name, id) + "?" + url.Values{"rev": {rev}}.Encode()
	err := d.client.http.DoJSON(ctx, http.MethodDelete, path, nil, &struct{}{})
	return d.wrap(cause(ctx, err), "delete", id)
}

// getManyBatch bounds one request of [DB.GetMany].
const getManyBatch = 500

// GetMany returns the winning revisions of several documents by id. Absent
// and deleted ones are left out. One document is asked for on its own, which
// costs the server less.
func (d *DB) GetMany(ctx context.Context, ids []string) (map[string]document.Doc, error) {
	docs := make(map[string]document.Doc, len(ids))
	if len(ids) == 1 {
		doc, err := d.Get(ctx, ids[0])
		if problem.Is(err, problem.BadIdentifier) {
			return docs, nil
		}
		docs[ids[0]] = doc
		return docs, err
	}
	for batch := range slices.Chunk(ids, getManyBatch) {
		for row, err := range d.AllDocs(ctx, Query{Keys: keysOf(batch), IncludeDocs: true}) {
			if err != nil {
				return nil, err
			}
			doc, err := row.Document()
			if err != nil {
				return nil, d.wrap(err, "decode", row.ID)
			}
			if doc != nil && row.ID != "" {
				docs[row.ID] = doc
			}
		}
	}
	return docs, nil
}

// currentBatch bounds one request of [DB.Current].
const currentBatch = 2_000

// Current returns the winning revisions' names of several documents by id.
// Absent and deleted ones are left out. It costs far less than [DB.GetMany].
func (d *DB) Current(ctx context.Context, ids []string) (map[string]string, error) {
	revs := make(map[string]string, len(ids))
	for batch := range slices.Chunk(ids, currentBatch) {
		for row, err := range d.AllDocs(ctx, Query{Keys: keysOf(batch)}) {
			if err != nil {
				return nil, err
			}
			var value struct {
				Rev     string `json:"rev"`
				Deleted bool   `json:"deleted"`
			}
			if json.Unmarshal(row.Value, &value) == nil && !value.Deleted {
				revs[row.ID] = value.Rev
			}
		}
	}
	return revs, nil
}

func keysOf(ids []string) []any {
	keys := make([]any, len(ids))
	for i, id := range ids {
		keys[i] = id
	}
	return keys
}

// Ancestry returns, for every leaf revision of a document, the revisions it
// descends from, itself first, as far back as the server remembers.
func (d *DB) Ancestry(ctx context.Context, id string) (map[string][]string, error) {
	found, err := d.revisions(ctx, id, url.Values{"open_revs": {"all"}, "revs": {"true"}})
	if err != nil {
		return nil, err
	}
	out := make(map[string][]string, len(found))
	for _, raw := range found {
		var leaf struct {
			Rev       string `json:"_rev"`
			Revisions struct {
				Start int      `json:"start"`
				IDs   []string `json:"ids"`
			} `json:"_revisions"`
		}
		if err := json.Unmarshal(raw, &leaf); err != nil {
			return nil, d.wrap(err, "decode", id)
		}
		path := make([]string, len(leaf.Revisions.IDs))
		for i, hash := range leaf.Revisions.IDs {
			path[i] = strconv.Itoa(leaf.Revisions.Start-i) + "-" + hash
		}
		out[leaf.Rev] = path
	}
	if len(out) == 0 {
		return nil, d.absent(id, "get the ancestry of")
	}
	return out, nil
}
