package api

import (
	"context"
	"time"

	"github.com/callflowd/callflowd/pkg/api/web"
	"github.com/callflowd/callflowd/pkg/resource"
	"github.com/callflowd/callflowd/pkg/transfer"
)

// exportAccount serves GET …/export: the callflows of an account as JSON Lines
// (see package transfer), with dependencies=true the documents that they refer
// to, with history=true their older versions, with revisions=true the present
// revisions. An error after the first line breaks the connection.
func (s *Server) exportAccount(c *web.Call) (*web.Answer, error) {
	o := transfer.Options{Account: c.Account(), At: time.Now(), Revisions: c.Flag("revisions")}
	if c.Flag("dependencies") {
		for _, kind := range resource.Kinds() {
			o.Dependencies = append(o.Dependencies, kind.Type)
		}
	}
	if c.Flag("history") {
		o.Versions = func(ctx context.Context, id string) ([]transfer.Past, error) { return s.pastOf(ctx, c.Account(), id) }
	}
	db := s.cfg.Couch.Account(c.Account())
	return &web.Answer{Raw: &web.RawBody{ContentType: web.JSONLines, Stream: func(ctx context.Context, w web.FlushWriter) error {
		const flushEvery = 100
		n := 0
		for line, err := range transfer.Export(ctx, db, o) {
			if err != nil {
				return err
			}
			if _, err := w.Write(append(line, '\n')); err != nil {
				return err
			}
			if n++; n%flushEvery == 0 {
				w.Flush()
			}
		}
		return nil
	}}}, nil
}

// pastOf are the versions of a callflow before the present one, the newest
// first.
func (s *Server) pastOf(ctx context.Context, accountID, id string) ([]transfer.Past, error) {
	items, err := s.cfg.Callflows.History(ctx, accountID, id)
	if err != nil {
		return nil, err
	}
	var out []transfer.Past
	for _, item := range items[min(1, len(items)):] {
		doc, err := s.cfg.Callflows.Version(ctx, accountID, id, item.Revision)
		if err != nil {
			return nil, err
		}
		data := doc.Public()
		delete(data, "id")
		out = append(out, transfer.Past{HistoryOf: id, Revision: item.Revision, Action: item.Action, At: item.At, Data: data})
	}
	return out, nil
}
