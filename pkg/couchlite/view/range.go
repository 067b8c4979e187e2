package view

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/callflowd/callflowd/pkg/collation"
	"github.com/callflowd/callflowd/pkg/couchlite/fault"
)

// keyRange is a range of entries: lo ≤ k < hi. A nil hi is open.
type keyRange struct{ lo, hi []byte }

// ranges returns the ranges a query reads, in the order it reads them.
func (q *Query) ranges(c *collation.Collator) ([]keyRange, error) {
	if q.keys == nil {
		r, err := q.keyRange(c, q.start, q.end)
		if err != nil {
			return nil, err
		}
		return []keyRange{r}, q.checkRange(c)
	}
	list := make([]keyRange, len(q.keys))
	for i, key := range q.keys {
		var err error
		if list[i], err = q.keyRange(c, key, key); err != nil {
			return nil, err
		}
	}
	if q.descending {
		slices.Reverse(list)
	}
	return list, nil
}

// keyRange returns the entries between two keys; start is the upper one of a
// descending query.
func (q *Query) keyRange(c *collation.Collator, start, end json.RawMessage) (r keyRange, err error) {
	from, err := bound0(c, start)
	if err != nil {
		return r, err
	}
	to, err := bound0(c, end)
	if err != nil {
		return r, err
	}
	if !q.descending {
		if from != nil {
			r.lo = atDoc(from, q.startDoc, false)
		}
		if to != nil {
			r.hi = atDoc(to, q.endDoc, !q.exclusiveEnd)
		}
		return r, nil
	}
	if from != nil {
		r.hi = atDoc(from, q.startDoc, true)
	}
	if to != nil {
		r.lo = atDoc(to, q.endDoc, q.exclusiveEnd)
	}
	return r, nil
}

func bound0(c *collation.Collator, key json.RawMessage) ([]byte, error) {
	if key == nil {
		return nil, nil
	}
	k, err := c.Append(nil, key)
	if err != nil {
		return nil, fault.BadRequest("invalid UTF-8 JSON")
	}
	return k, nil
}

// atDoc returns the place before, or after, a key's entries: all of them, or
// those of one document.
func atDoc(k []byte, doc *string, behind bool) []byte {
	k = slices.Clip(k)
	if doc != nil {
		k = collation.AppendBytes(k, []byte(*doc))
	}
	if behind {
		for range suffixSize + 1 {
			k = append(k, collation.TagHighest)
		}
	}
	return k
}

// checkRange refuses a range that runs against the direction.
func (q *Query) checkRange(c *collation.Collator) error {
	if q.start == nil || q.end == nil || bytes.Equal(q.start, q.end) {
		return nil
	}
	from, err := bound0(c, q.start)
	if err != nil {
		return err
	}
	to, err := bound0(c, q.end)
	if err != nil {
		return err
	}
	from, to = atDoc(from, q.startDoc, q.descending && q.startDoc == nil), atDoc(to, q.endDoc, !q.descending && q.endDoc == nil)
	const reason = "No rows can match your key range, reverse your start_key and end_key or set descending="
	switch order := bytes.Compare(from, to); {
	case !q.descending && order >= 0:
		return fault.Parse(reason + "true")
	case q.descending && order < 0:
		return fault.Parse(reason + "false")
	}
	return nil
}
