package api

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/callflowd/callflowd/pkg/api/web"
	"github.com/callflowd/callflowd/pkg/callflow"
	"github.com/callflowd/callflowd/pkg/problem"
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

// importAccount serves POST …/import: an export as JSON Lines or tar, or a dump
// of a CouchDB database, see package transfer. Everything is checked before
// anything is written; with dry_run=true the plan is all. As JSON Lines the
// answer tells how far it is; before it writes it tells {"plan": …}. The last line
// is {"result": …}, or {"error": {"status", "message", "data"}} where lines before it
// have been sent.
func (s *Server) importAccount(c *web.Call) (*web.Answer, error) {
	req, err := importRequest(c)
	if err != nil {
		return nil, err
	}
	spool, err := transfer.Read(c.Body, s.cfg.Spool, s.cfg.Limits.JSON)
	if err != nil {
		return nil, err
	}
	importer := &transfer.Importer{
		Couch: s.cfg.Couch, Callflows: s.cfg.Callflows, Resources: s.cfg.Resources, MaxFile: s.cfg.Limits.OrDefaults().Upload,
	}
	if c.Wants(web.JSONLines) {
		return &web.Answer{Raw: &web.RawBody{ContentType: web.JSONLines, Stream: func(ctx context.Context, w web.FlushWriter) error {
			defer spool.Close() //nolint:errcheck // it has been read
			return importTelling(ctx, w, importer, spool, req)
		}}}, nil
	}
	defer spool.Close() //nolint:errcheck // it has been read
	result, err := importer.Run(c.Context(), spool, req)
	if err != nil {
		return nil, err
	}
	return &web.Answer{Data: result}, nil
}

// importRequest reads what an import is asked for.
func importRequest(c *web.Call) (transfer.Request, error) {
	req := transfer.Request{
		Account: c.Account(), Actor: c.Actor(), OnConflict: transfer.Fail, NewIDs: c.Flag("new_ids"), DryRun: c.Flag("dry_run"),
	}
	if !c.Query.Has("on_conflict") {
		return req, nil
	}
	words := []string{transfer.Fail, transfer.Skip, transfer.Replace, transfer.Merge}
	if req.OnConflict = c.Query.Get("on_conflict"); !slices.Contains(words, req.OnConflict) {
		return req, problem.Validation([]problem.Violation{{
			Path: "on_conflict", Code: "enum", Message: "on_conflict must be one of " + strings.Join(words, ", "),
			Members: map[string]any{"target": words, "value": web.Clip(req.OnConflict)},
		}})
	}
	return req, nil
}

// tellEvery is how long an import waits before it tells again how far it is.
const tellEvery = 500 * time.Millisecond

// importTelling imports and tells how far it is. An error before the first line
// is answered as any other.
func importTelling(ctx context.Context, w web.FlushWriter, i *transfer.Importer, spool *transfer.Spool, req transfer.Request) error {
	begun, told := false, time.Now()
	line := func(v any) error {
		raw, err := json.Marshal(v)
		if err != nil {
			return err
		}
		begun = true
		if _, err := w.Write(append(raw, '\n')); err != nil {
			return err
		}
		w.Flush()
		return nil
	}
	req.Progress = func(stage string, done, total int) {
		if time.Since(told) > tellEvery || stage == transfer.Written && done == total {
			told = time.Now()
			_ = line(map[string]any{stage: done, "of": total}) // where the client has left, the request ends
		}
	}
	req.Planned = func(plan transfer.Result) { _ = line(map[string]any{"plan": plan}) }
	result, err := i.Run(ctx, spool, req)
	switch {
	case err == nil:
		return line(map[string]any{"result": result})
	case !begun:
		return err
	}
	status, data := web.Told(err)
	return line(map[string]any{"error": map[string]any{"status": status, "message": web.Message(err), "data": data}})
}
