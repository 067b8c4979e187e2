package replicator

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// logVersion is the version of the replication id that CouchDB 3 writes.
const logVersion = 4

// maxHistory is how many runs a checkpoint remembers, as CouchDB's.
const maxHistory = 50

// Log is the _local document that both ends keep.
type Log struct {
	ID        string          `json:"_id"`
	Rev       string          `json:"_rev,omitempty"`
	Session   string          `json:"session_id,omitempty"`
	SourceSeq json.RawMessage `json:"source_last_seq,omitempty"`
	Version   int             `json:"replication_id_version,omitempty"`
	History   []Session       `json:"history,omitempty"`
}

// Session is one run in a log.
type Session struct {
	Session          string          `json:"session_id"`
	Start            string          `json:"start_time"`
	End              string          `json:"end_time"`
	StartSeq         json.RawMessage `json:"start_last_seq"`
	EndSeq           json.RawMessage `json:"end_last_seq"`
	Recorded         json.RawMessage `json:"recorded_seq"`
	MissingChecked   int64           `json:"missing_checked"`
	MissingFound     int64           `json:"missing_found"`
	DocsRead         int64           `json:"docs_read"`
	DocsWritten      int64           `json:"docs_written"`
	DocWriteFailures int64           `json:"doc_write_failures"`
	BulkGetDocs      int64           `json:"bulk_get_docs"`
	BulkGetAttempts  int64           `json:"bulk_get_attempts"`
}

// checkpoints are the logs of both ends as they were last read or written.
type checkpoints struct {
	source, target Log
	off            bool // an end does not let us write them
	at             time.Time
}

// Log is what the source's checkpoint says; call it when Run has returned.
func (r *Replication) Log() Log {
	log := r.logs.source
	if log.Session == "" { // there was nothing to record
		log.Session, log.Version = r.session.Session, logVersion
		log.SourceSeq, log.History = r.session.StartSeq, []Session{r.session}
	}
	return log
}

// httpDate is the form of times in replication logs.
func httpDate(t time.Time) string { return t.UTC().Format(http.TimeFormat) }

// begin reads both logs and returns where to go on.
func (r *Replication) begin(ctx context.Context) (json.RawMessage, error) {
	since, err := json.Marshal(r.opts.Since)
	if err != nil || r.opts.Since == "" {
		since = json.RawMessage("0")
	}
	r.logs = checkpoints{off: r.opts.NoCheckpoints, at: time.Now()}
	if !r.logs.off {
		if r.logs.source, err = r.readLog(ctx, r.source); err != nil {
			return nil, err
		}
		if r.logs.target, err = r.readLog(ctx, r.target); err != nil {
			return nil, err
		}
		if seq, ok := commonSeq(r.logs.source, r.logs.target); ok {
			since = seq
		}
	}
	random := make([]byte, 16)
	_, _ = rand.Read(random) // never fails, says its documentation
	r.session = Session{Session: hex.EncodeToString(random), Start: httpDate(time.Now()), StartSeq: since}
	r.note(func(s *Stats) { s.Through, s.Checkpointed = string(since), string(since) })
	return since, nil
}

// readLog reads an end's log; one that is not there is empty.
func (r *Replication) readLog(ctx context.Context, p *peer) (Log, error) {
	log := Log{ID: "_local/" + r.ID()}
	err := p.json(ctx, call{method: http.MethodGet, path: log.ID}, nil, &log)
	var wrongType *json.UnmarshalTypeError
	if status(err) == http.StatusNotFound || errors.As(err, &wrongType) {
		return Log{ID: log.ID, Rev: log.Rev}, nil
	}
	return log, err
}

// commonSeq is the sequence that both ends know to be copied: that of the
// last run if it is the same, or else of the newest run that both remember.
func commonSeq(source, target Log) (json.RawMessage, bool) {
	if source.Session != "" && source.Session == target.Session && source.SourceSeq != nil {
		return source.SourceSeq, true
	}
	known := map[string]bool{}
	for _, run := range target.History {
		known[run.Session] = true
	}
	for _, run := range source.History {
		if run.Session != "" && known[run.Session] && run.Recorded != nil {
			return run.Recorded, true
		}
	}
	return nil, false
}

// checkpointDue reports whether a checkpoint should be written: when nothing
// happens, or after a time.
func (r *Replication) checkpointDue(idle bool) bool {
	s := r.Stats()
	return s.Through != s.Checkpointed && (idle || time.Since(r.logs.at) >= r.opts.Checkpoint)
}

// checkpoint records at both ends how far the copy is, after the target has
// everything on disk.
func (r *Replication) checkpoint(ctx context.Context) error {
	s := r.Stats()
	r.logs.at = time.Now()
	if r.logs.off || s.Through == s.Checkpointed {
		return nil
	}
	err := r.target.json(ctx, call{method: http.MethodPost, path: "_ensure_full_commit"}, struct{}{}, nil)
	if err != nil && Passes(err) { // a server without it has nothing to wait for
		return err
	}
	run := r.session
	run.End, run.EndSeq, run.Recorded = httpDate(time.Now()), json.RawMessage(s.Through), json.RawMessage(s.Through)
	run.MissingChecked, run.MissingFound, run.DocsRead, run.DocsWritten = s.MissingChecked, s.MissingFound, s.DocsRead, s.DocsWritten
	run.DocWriteFailures, run.BulkGetDocs, run.BulkGetAttempts = s.DocWriteFailures, s.BulkGetDocs, s.BulkGetAttempts
	for _, end := range []struct {
		peer *peer
		log  *Log
	}{{r.source, &r.logs.source}, {r.target, &r.logs.target}} {
		err := r.writeLog(ctx, end.peer, end.log, run)
		if code := status(err); code == http.StatusUnauthorized || code == http.StatusForbidden {
			r.logs.off = true // the next run begins at the start
			r.opts.Log.Warn("a replication cannot keep checkpoints: " + err.Error())
			return nil
		}
		if err != nil {
			return err
		}
	}
	r.note(func(now *Stats) { now.Checkpointed = s.Through })
	return nil
}

// writeLog puts the run in front of an end's history.
func (r *Replication) writeLog(ctx context.Context, p *peer, log *Log, run Session) error {
	next := Log{
		ID: log.ID, Rev: log.Rev, Session: run.Session, SourceSeq: run.Recorded, Version: logVersion,
		History: []Session{run},
	}
	for _, old := range log.History {
		if old.Session != run.Session && len(next.History) < maxHistory {
			next.History = append(next.History, old)
		}
	}
	var answer struct{ Rev string }
	err := p.json(ctx, call{method: http.MethodPut, path: next.ID}, next, &answer)
	if status(err) == http.StatusConflict {
		// Ours, if its answer was lost; another's that runs the same, if not.
		stored, rerr := r.readLog(ctx, p)
		if rerr != nil {
			return rerr
		}
		if stored.Session != run.Session {
			return fmt.Errorf("the checkpoint was changed by another replicator: %w", err)
		}
		next.Rev = stored.Rev
		err = p.json(ctx, call{method: http.MethodPut, path: next.ID}, next, &answer)
	}
	if err == nil {
		next.Rev = answer.Rev
		*log = next
	}
	return err
}
