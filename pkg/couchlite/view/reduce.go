package view

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/callflowd/callflowd/pkg/collation"
	"github.com/callflowd/callflowd/pkg/couchlite/fault"
)

// A reducer reduces the rows of one group after the other: rows go to add, and
// value, called once per group, returns the JSON of the result and begins anew.
// An overflow is a result that grew instead of shrinking; it is shown in the
// row. Other errors end the query.
type reducer struct {
	add   func(ctx context.Context, r viewRow) error
	value func(ctx context.Context) ([]byte, error)
}

// overflowError is CouchDB's answer to a reduce function that does not reduce.
type overflowError struct{ in, out int }

func (e *overflowError) Error() string {
	return fmt.Sprintf("Reduce output must shrink more rapidly: input size: %d output size: %d", e.in, e.out)
}

// builtinReduce returns the constructor of the built-in reducer whose name a
// source begins with, as in CouchDB; nil if there is none.
func builtinReduce(name string) func() *reducer {
	for prefix, maker := range map[string]func() *reducer{
		"_count": countReducer, "_sum": sumReducer, "_stats": statsReducer, "_approx_count_distinct": distinctReducer,
	} {
		if strings.HasPrefix(name, prefix) {
			return maker
		}
	}
	return nil
}

// reduce writes the answer of a reduced view.
func (v *reader) reduce(ctx context.Context) error {
	head := `{`
	if v.query.updateSeq {
		head += `"update_seq":"` + v.db.EncodeSeq(v.snapshot.seq) + `",`
	}
	v.out.Text(head + `"rows":[`)
	r, done, err := v.reducer(ctx)
	if err != nil {
		return err
	}
	defer done()
	v.skip, v.left = v.query.skip, v.query.limit
	for _, span := range v.ranges {
		if v.left == 0 {
			break
		}
		if err := v.reduceRange(ctx, r, span); err != nil {
			return err
		}
	}
	v.out.End()
	return v.out.Flushed()
}

// reducer returns the view's reducer and what to call after it.
func (v *reader) reducer(ctx context.Context) (*reducer, func(), error) {
	if strings.HasPrefix(v.view.reduce, "_") {
		maker := builtinReduce(v.view.reduce)
		if maker == nil {
			return nil, nil, fault.New(400, "invalid_design_doc", "`"+v.view.reduce+"` is not a supported reduce function.")
		}
		return maker(), func() {}, nil
	}
	return newScriptReducer(ctx, v.engine, v.view.reduce)
}

// reduceRange reduces the groups of one range.
func (v *reader) reduceRange(ctx context.Context, r *reducer, span keyRange) error {
	if *v.query.groupLevel == 0 && strings.HasPrefix(v.view.reduce, "_count") {
		return v.countRange(ctx, span)
	}
	var group *keyGroup
	return v.snapshot.scan(ctx, v.view.number, span, v.query.descending, func(row viewRow) error {
		var key []byte
		if row.k != nil {
			key = groupKey(row.key, *v.query.groupLevel)
		}
		if group != nil && (row.k == nil || !group.has(key)) {
			ended := group.key
			group = nil
			if err := v.group(ctx, r, ended); err != nil {
				return err
			}
		}
		if row.k == nil {
			return nil
		}
		if group == nil {
			group = &keyGroup{key: bytes.Clone(key), collator: v.collator}
		}
		return r.add(ctx, row)
	})
}

// keyGroup is a group of rows whose keys collate as equal. It shows the first.
type keyGroup struct {
	key      []byte
	encoded  []byte // nil until it is needed
	collator *collation.Collator
}

// has reports whether a key belongs to the group.
func (g *keyGroup) has(key []byte) bool {
	if bytes.Equal(g.key, key) {
		return true
	}
	if g.encoded == nil {
		g.encoded = g.encode(g.key)
	}
	return bytes.Equal(g.encoded, g.encode(key))
}

func (g *keyGroup) encode(key []byte) []byte {
	encoded, err := g.collator.Append(nil, key)
	if err != nil {
		return key // cannot happen: an index holds valid keys
	}
	return encoded
}

// countRange counts a range by its ranks.
func (v *reader) countRange(ctx context.Context, span keyRange) error {
	total, err := v.snapshot.total(ctx, v.view.number)
	if err != nil {
		return err
	}
	start := int64(0)
	if span.lo != nil {
		if start, err = v.snapshot.rank(ctx, v.view.number, span.lo); err != nil {
			return err
		}
	}
	end, err := v.rankOrAll(ctx, span.hi, total)
	if err != nil || end <= start {
		return err
	}
	err = v.group(ctx, &reducer{value: func(context.Context) ([]byte, error) {
		return fmt.Appendf(nil, "%d", end-start), nil
	}}, []byte("null"))
	if err == errEnough {
		return nil
	}
	return err
}

// group writes the row of a group, unless it is skipped.
func (v *reader) group(ctx context.Context, r *reducer, key []byte) error {
	value, err := r.value(ctx)
	overflow, overflows := err.(*overflowError)
	if err != nil && !overflows {
		return err
	}
	if wanted, err := v.wanted(); !wanted {
		return err
	}
	buf := append(append(v.out.Row(), `{"key":`...), key...)
	if overflows {
		reason, _ := json.Marshal(overflow.Error())
		buf = append(append(buf, `,"error":"reduce_overflow_error","reason":`...), reason...)
	} else {
		buf = append(append(buf, `,"value":`...), value...)
	}
	v.out.Put(append(buf, '}'))
	if v.left == 0 {
		return errEnough
	}
	return v.out.Err
}

// groupKey returns the key of the group a row belongs to: null when there is
// one group, the first elements of an array, or the whole key.
func groupKey(key []byte, level int) []byte {
	switch {
	case level == 0:
		return []byte("null")
	case level == groupAll || key[0] != '[':
		return key
	}
	depth, quoted := 0, false
	for i := 0; i < len(key); i++ {
		switch b := key[i]; {
		case quoted:
			if b == '\\' {
				i++
			}
			quoted = b != '"'
		case b == '"':
			quoted = true
		case b == '[' || b == '{':
			depth++
		case b == ']' || b == '}':
			depth--
		case b == ',' && depth == 1:
			if level--; level == 0 {
				return append(bytes.Clone(key[:i]), ']')
			}
		}
	}
	return key
}
