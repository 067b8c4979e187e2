package couchlite

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/callflowd/callflowd/pkg/couchlite/ejson"
	"github.com/callflowd/callflowd/pkg/couchlite/fault"
	"github.com/callflowd/callflowd/pkg/couchlite/store"
)

func (q *request) createDatabase(name string) error {
	if !store.ValidName(name) {
		return fault.New(http.StatusBadRequest, "illegal_database_name", "Name: '"+name+"'. Only lowercase characters (a-z), digits (0-9), "+
			"and any of the characters _, $, (, ), +, -, and / are allowed. Must begin with a letter.")
	}
	if err := q.s.create(q.Context(), name); err != nil {
		return err
	}
	q.w.Header().Set("Location", q.absolute("/"+escape(name)))
	writeRaw(q.w, http.StatusCreated, []byte(`{"ok":true}`))
	return nil
}

func (q *request) deleteDatabase(name string) error {
	if q.query.Has("rev") {
		return fault.BadRequest("You tried to DELETE a database with a ?=rev parameter. Did you mean to DELETE a document instead?")
	}
	// A deletion that has begun is finished even if the client leaves.
	if err := q.s.store.Destroy(context.WithoutCancel(q.Context()), name); err != nil {
		return err
	}
	writeRaw(q.w, http.StatusOK, []byte(`{"ok":true}`))
	return nil
}

// serveInfo serves /{db} itself.
func (q *request) serveInfo() error {
	switch q.Method {
	case http.MethodGet, http.MethodHead:
		return writeJSON(q.w, http.StatusOK, q.db.Info())
	case http.MethodPost:
		if err := q.jsonOnly(); err != nil {
			return err
		}
		return q.postDocument()
	}
	return q.notAllowed("DELETE,GET,HEAD,POST")
}

// postDocument serves POST /{db}: a new document. Without an _id it gets one
// from the server.
func (q *request) postDocument() error {
	raw, err := q.body()
	if err != nil {
		return err
	}
	e, err := store.ParseAny(raw, q.s.opts.MaxDocument)
	if err != nil {
		return err
	}
	if e.ID == "" {
		e.ID = store.NewID()
	}
	if e.Local() {
		if err := q.db.SaveLocal(q.Context(), e); err != nil {
			return err
		}
		q.writeSaved(http.StatusCreated, e)
		return nil
	}
	return q.saveDocument(e)
}

func (q *request) ensureFullCommit() error {
	writeRaw(q.w, http.StatusCreated, []byte(`{"ok":true,"instance_start_time":"0"}`))
	return nil
}

// compact serves _compact: the content of revisions that are not leaves is
// deleted, in the background.
func (q *request) compact() error {
	q.s.store.StartCompaction(q.db)
	return q.ok(http.StatusAccepted)
}

// viewCleanup serves _view_cleanup.
func (q *request) viewCleanup() error {
	if err := q.views().Cleanup(q.Context()); err != nil {
		return err
	}
	return q.ok(http.StatusAccepted)
}

// security serves _security. The object is kept and given back; access is
// decided by the server's one admin alone.
func (q *request) security() error {
	if q.Method != http.MethodPut {
		writeRaw(q.w, http.StatusOK, []byte(q.db.Current().Security))
		return nil
	}
	raw, err := q.body()
	if err != nil {
		return err
	}
	object, err := ejson.Canonical(raw)
	if err != nil {
		return fault.BadRequest("invalid UTF-8 JSON")
	}
	var shape struct {
		Admins, Members struct{ Names, Roles []string }
	}
	if object[0] != '{' || json.Unmarshal(object, &shape) != nil {
		return fault.BadRequest("admins and members must be objects with lists of names and roles")
	}
	if err := q.s.secure(q.Context(), q.db, string(object)); err != nil {
		return err
	}
	return q.ok(http.StatusOK)
}

// maxRevsLimit bounds _revs_limit.
const maxRevsLimit = 1_000_000

// revsLimit serves _revs_limit.
func (q *request) revsLimit() error {
	if q.Method != http.MethodPut {
		writeRaw(q.w, http.StatusOK, strconv.AppendInt(nil, q.db.Current().RevsLimit, 10))
		return nil
	}
	raw, err := q.body()
	if err != nil {
		return err
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(raw)), 10, 64)
	if err != nil || n < 1 || n > maxRevsLimit {
		return fault.BadRequest("`rev_limit` must be a positive integer")
	}
	if err := q.db.SetRevsLimit(q.Context(), n); err != nil {
		return err
	}
	return q.ok(http.StatusOK)
}

// purge serves _purge: it removes revisions and leaves no tombstone.
func (q *request) purge() error {
	ids, revs, err := q.askedRevs()
	if err != nil {
		return err
	}
	gone, err := q.db.Purge(q.Context(), ids, revs)
	if err != nil {
		return err
	}
	purged := map[string][]string{}
	for id, revs := range gone {
		purged[id] = texts(revs)
	}
	return writeJSON(q.w, http.StatusCreated, map[string]any{"purge_seq": nil, "purged": purged})
}
