package view

import (
	"context"
	"io"
	"slices"

	"github.com/callflowd/callflowd/pkg/collation"
	"github.com/callflowd/callflowd/pkg/couchlite/fault"
	"github.com/callflowd/callflowd/pkg/couchlite/rows"
)

// Answer writes the answer to queries on one view. multiple says that they
// came as a list; the answer is a list then, even for one query.
func (s *Set) Answer(ctx context.Context, d *Design, name string, queries []Query, multiple bool, to io.Writer) error {
	v, ok := d.views[name]
	if !ok {
		if slices.Contains(d.withheld, name) {
			return notRun("_design/" + d.name)
		}
		return fault.New(404, "not_found", "missing_named_view")
	}
	collator := collation.New()
	ranges := make([][]keyRange, len(queries))
	for i := range queries {
		if err := queries[i].resolve(v); err != nil {
			return err
		}
		var err error
		if ranges[i], err = queries[i].ranges(collator); err != nil {
			return err
		}
	}
	x, err := s.fresh(ctx, d, v, queries)
	if err != nil {
		return err
	}
	defer s.leave(x)
	if err := x.broken(v.number); err != nil {
		return err
	}
	return x.read(ctx, func(snap snapshot) error {
		out := rows.New(to)
		if multiple {
			out.Text(`{"results":[`)
		}
		for i, query := range queries {
			if i > 0 {
				out.Text(",")
			}
			if multiple {
				out.Text("\r\n")
			}
			r := &reader{engine: s.engine, collator: collator, db: s.db, snapshot: snap, view: v, query: query, ranges: ranges[i], out: out}
			out.Rows = 0
			if err := r.answer(ctx); err != nil {
				return err
			}
		}
		if multiple {
			out.Text("\r\n]}")
		}
		return out.Finish("\n")
	})
}

// IndexInfo is what _info says of an index.
type IndexInfo struct {
	Signature, Language string
	Seq, PurgeSeq       int64
	Pending             int64 // changes of the database that it has not seen
	Size                int64 // bytes on disk
	Running             bool  // a build runs
}

// Info describes a design document's index.
func (s *Set) Info(ctx context.Context, d *Design) (IndexInfo, error) {
	x, err := s.index(ctx, d)
	if err != nil {
		return IndexInfo{}, err
	}
	defer s.leave(x)
	x.mu.Lock()
	defer x.mu.Unlock()
	return IndexInfo{
		Signature: d.digest, Language: d.language, Seq: x.seq, PurgeSeq: x.purgeSeq,
		Pending: max(s.db.Current().Seq-x.seq, 0), Size: x.file.Size(), Running: x.building != nil,
	}, nil
}
