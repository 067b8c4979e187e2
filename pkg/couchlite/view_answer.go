package couchlite

import (
	"context"
	"io"

	"github.com/callflowd/callflowd/pkg/couchlite/collation"
)

// answer writes the answer to queries on one view. multiple says that they
// came as a list, whose answer is a list even of one.
func (s *viewSet) answer(ctx context.Context, d *design, name string, queries []viewQuery, multiple bool, to io.Writer) error {
	v, ok := d.views[name]
	if !ok {
		return fail(404, "not_found", "missing_named_view")
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
	x, err := s.index(ctx, d)
	if err != nil {
		return err
	}
	defer s.leave(x)
	if err := x.freshen(ctx, queries); err != nil {
		return err
	}
	if err := x.failed(v.number); err != nil {
		return err
	}
	return x.read(ctx, func(snap snapshot) error {
		out := newStream(to)
		if multiple {
			out.text(`{"results":[`)
		}
		for i, query := range queries {
			if i > 0 {
				out.text(",")
			}
			if multiple {
				out.text("\r\n")
			}
			r := &viewReader{engine: s.engine, db: s.db, snapshot: snap, view: v, query: query, ranges: ranges[i], out: out}
			out.rows = 0
			if err := r.answer(ctx); err != nil {
				return err
			}
		}
		if multiple {
			out.text("\r\n]}")
		}
		return out.finish("\n")
	})
}

// indexInfo is what _info says of an index.
type indexInfo struct {
	signature, language string
	seq, purgeSeq       int64
	pending             int64 // changes of the database that it has not seen
	size                int64 // bytes on disk
	running             bool  // a build runs
}

// info describes a design document's index.
func (s *viewSet) info(ctx context.Context, d *design) (indexInfo, error) {
	x, err := s.index(ctx, d)
	if err != nil {
		return indexInfo{}, err
	}
	defer s.leave(x)
	x.mu.Lock()
	defer x.mu.Unlock()
	return indexInfo{
		signature: d.digest, language: d.language, seq: x.seq, purgeSeq: x.purgeSeq,
		pending: max(s.db.current().seq-x.seq, 0), size: x.file.size(), running: x.building != nil,
	}, nil
}
