package api

import (
	"context"
	"time"

	"github.com/callflowd/callflowd/pkg/api/web"
	"github.com/callflowd/callflowd/pkg/callflow"
	"github.com/callflowd/callflowd/pkg/resource"
	"github.com/callflowd/callflowd/pkg/transfer"
)

// exportAccount serves GET …/export: the callflows of an account as JSON Lines
// (see package transfer), with dependencies=true the documents that they refer
// to, with history=true their older versions, with revisions=true the present
// revisions; and as tar with their attachments. An error after the first line
// breaks the connection.
func (s *Server) exportAccount(c *web.Call) (*web.Answer, error) {
	o := transfer.Options{Account: c.Account(), At: time.Now(), Revisions: c.Flag("revisions")}
	if c.Flag("dependencies") {
		for _, kind := range resource.Kinds() {
			o.Dependencies = append(o.Dependencies, kind.Type)
		}
	}
	if c.Flag("history") {
		o.Versions = func(ctx context.Context, id string) ([]callflow.Past, error) {
			return s.cfg.Callflows.Past(ctx, c.Account(), id)
		}
	}
	db := s.cfg.Couch.Account(c.Account())
	if c.Wants(web.Tar) {
		return &web.Answer{Raw: &web.RawBody{ContentType: web.Tar, Stream: func(ctx context.Context, w web.FlushWriter) error {
			return transfer.Archive(ctx, db, o, s.cfg.Spool, w)
		}}}, nil
	}
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
