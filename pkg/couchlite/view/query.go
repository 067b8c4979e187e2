package view

import (
	"encoding/json"
	"net/url"
	"strings"

	"github.com/callflowd/callflowd/pkg/couchlite/ejson"
	"github.com/callflowd/callflowd/pkg/couchlite/fault"
	"github.com/callflowd/callflowd/pkg/couchlite/store"
)

// Query is what a view is asked for, in the words of CouchDB's parameters.
type Query struct {
	keys               []json.RawMessage // nil: a range
	badKeys            bool              // keys was no array
	Single             json.RawMessage   // the one key of keys, taken as key
	start, end         json.RawMessage   // nil: open
	startDoc, endDoc   *string
	exclusiveEnd       bool
	descending         bool
	limit, skip        int // limit -1: none
	reduce, group      *bool
	groupLevel         *int
	includeDocs        bool
	conflicts          *bool
	docs               store.DocOptions
	update             string // true, false or lazy
	updateSeq          bool
	partition          bool
	reduces, multiKeys bool // decided by resolve
}

// groupAll is the group level of group=true.
const groupAll = -1

// NewQuery returns a query without parameters.
func NewQuery() Query { return Query{limit: -1, update: "true"} }

// SetAll reads a query string, in its order.
func (q *Query) SetAll(rawQuery string) error {
	for pair := range strings.SplitSeq(rawQuery, "&") {
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err != nil {
			return fault.BadRequest("Invalid query string.")
		}
		if value, err = url.QueryUnescape(value); err != nil {
			return fault.BadRequest("Invalid query string.")
		}
		if err := q.set(name, parameter{text: value}); err != nil {
			return err
		}
	}
	return nil
}

// SetBody reads the members of a JSON object.
func (q *Query) SetBody(body map[string]json.RawMessage) error {
	for name, raw := range body {
		if err := q.set(name, parameter{raw: raw}); err != nil {
			return err
		}
	}
	return nil
}

func (q *Query) set(name string, p parameter) (err error) {
	switch name {
	case "key":
		q.start, err = p.json()
		q.end = q.start
	case "keys":
		return q.setKeys(p)
	case "startkey", "start_key":
		q.start, err = p.json()
	case "endkey", "end_key":
		q.end, err = p.json()
	case "startkey_docid", "start_key_doc_id":
		q.startDoc = p.string()
	case "endkey_docid", "end_key_doc_id":
		q.endDoc = p.string()
	case "limit":
		q.limit, err = p.count()
	case "skip":
		q.skip, err = p.count()
	case "group_level":
		var level int
		level, err = p.count()
		q.groupLevel = &level
	case "stale", "update", "stable":
		return q.setFreshness(name, p.word())
	case "partition":
		q.partition = true
	default:
		return q.setFlag(name, p)
	}
	return err
}

func (q *Query) setFlag(name string, p parameter) error {
	target := map[string]*bool{
		"descending": &q.descending, "inclusive_end": &q.exclusiveEnd, "include_docs": &q.includeDocs,
		"attachments": &q.docs.Attachments, "att_encoding_info": &q.docs.Encodings, "update_seq": &q.updateSeq,
		"reduce": nil, "group": nil, "conflicts": nil, "sorted": nil,
	}
	to, known := target[name]
	if !known {
		return nil
	}
	v, err := p.bool()
	if err != nil {
		return err
	}
	switch name {
	case "reduce":
		q.reduce = &v
	case "group":
		q.group = &v
	case "conflicts":
		q.conflicts, q.docs.Conflicts = &v, v
	case "inclusive_end":
		*to = !v
	case "sorted": // no effect here
	default:
		*to = v
	}
	return nil
}

func (q *Query) setFreshness(name, word string) error {
	switch name + "=" + word {
	case "stale=ok", "update=false":
		q.update = "false"
	case "stale=update_after", "update=lazy":
		q.update = "lazy"
	case "update=true":
		q.update = "true"
	case "stable=true", "stable=false":
	default:
		return fault.Parse("Invalid value for `" + name + "`.")
	}
	return nil
}

// MaxKeys bounds the keys of one request.
const MaxKeys = 50_000

// setKeys takes a single key as key, as CouchDB does.
func (q *Query) setKeys(p parameter) error {
	raw, err := p.json()
	if err != nil {
		return err
	}
	var keys []json.RawMessage
	q.badKeys = raw[0] != '[' || json.Unmarshal(raw, &keys) != nil
	switch {
	case q.badKeys && p.raw != nil:
		return fault.BadRequest("`keys` member must be an array.")
	case len(keys) > MaxKeys:
		return fault.TooLarge()
	case len(keys) == 1:
		q.start, q.end, q.Single = keys[0], keys[0], keys[0]
	default:
		q.keys = keys
	}
	return nil
}

// resolve checks the query against the view it is for.
func (q *Query) resolve(v view) error {
	q.reduces = v.reduce != "" && (q.reduce == nil || *q.reduce)
	level, err := q.level()
	if err != nil {
		return err
	}
	q.groupLevel = &level
	q.multiKeys = q.keys != nil
	for _, rule := range []struct {
		broken bool
		reason string
	}{
		{!q.reduces && q.reduce != nil && *q.reduce, "Reduce is invalid for map-only views."},
		{q.reduces && level != groupAll && q.multiKeys, "Multi-key fetches for reduce views must use `group=true`"},
		{q.badKeys, "`keys` must be an array of strings."},
		{len(q.keys) > 0 && (q.start != nil || q.end != nil), "`keys` is incompatible with `key`, `start_key` and `end_key`"},
		{!q.reduces && level != 0, "Invalid use of grouping on a map view."},
		{q.reduces && q.includeDocs, "`include_docs` is invalid for reduce"},
		{q.reduces && q.conflicts != nil, "`conflicts` is invalid for reduce views."},
		{q.partition, "`partition` parameter is not supported in this design doc"},
	} {
		if rule.broken {
			return fault.Parse(rule.reason)
		}
	}
	return nil
}

// level is the group level: 0 for none, groupAll for whole keys.
func (q *Query) level() (int, error) {
	switch {
	case q.groupLevel == nil && q.group != nil && *q.group:
		return groupAll, nil
	case q.groupLevel == nil:
		return 0, nil
	case *q.groupLevel > 0 && q.group != nil && !*q.group:
		return 0, fault.Parse("Can't specify group=false and group_level>0 at the same time")
	}
	return *q.groupLevel, nil
}

// Listing is the query as one of _all_docs.
func (q *Query) Listing() (store.Listing, error) {
	if q.badKeys {
		return store.Listing{}, fault.BadRequest("`keys` parameter must be an array.")
	}
	partition := q.partition
	q.partition = false
	if err := q.resolve(view{}); err != nil {
		return store.Listing{}, err
	}
	if partition {
		return store.Listing{}, fault.Parse("`partition` parameter is not supported on this db")
	}
	quoted := func(id *string, key json.RawMessage) json.RawMessage {
		if key == nil && id != nil {
			return ejson.AppendString(nil, *id)
		}
		return key
	}
	return store.Listing{
		Keys: q.keys, Start: quoted(q.startDoc, q.start), End: quoted(q.endDoc, q.end), ExclusiveEnd: q.exclusiveEnd,
		Descending: q.descending, Limit: q.limit, Skip: q.skip, IncludeDocs: q.includeDocs, UpdateSeq: q.updateSeq, Docs: q.docs,
	}, nil
}

// Keys is how many keys the query names.
func (q *Query) Keys() int { return len(q.keys) }
