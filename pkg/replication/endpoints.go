package replication

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/callflowd/callflowd/pkg/replication/replicator"
)

// node is the one node there is.
const node = "couchlite@localhost"

// info is what a job tells of its progress.
type info struct {
	Pending    *int64          `json:"changes_pending"`
	Checkpoint json.RawMessage `json:"checkpointed_source_seq"`
	Failures   int64           `json:"doc_write_failures"`
	Read       int64           `json:"docs_read"`
	Written    int64           `json:"docs_written"`
	BulkDocs   int64           `json:"bulk_get_docs"`
	BulkTries  int64           `json:"bulk_get_attempts"`
	Found      int64           `json:"missing_revisions_found"`
	Checked    int64           `json:"revisions_checked"`
	Source     json.RawMessage `json:"source_seq"`
	Through    json.RawMessage `json:"through_seq"`
	Error      string          `json:"error,omitempty"`
	Lag        float64         `json:"lag_seconds"` // beyond CouchDB's
}

func infoOf(st status) info {
	s := st.stats
	i := info{
		Checkpoint: seqOf(s.Checkpointed), Failures: s.DocWriteFailures, Read: s.DocsRead, Written: s.DocsWritten, BulkDocs: s.BulkGetDocs,
		BulkTries: s.BulkGetAttempts, Found: s.MissingFound, Checked: s.MissingChecked, Source: seqOf(s.Through), Through: seqOf(s.Through),
		Lag: s.Lag(time.Now()).Seconds(),
	}
	if s.Pending >= 0 {
		i.Pending = &s.Pending
	}
	if st.err != nil {
		i.Error = st.err.Error()
	}
	return i
}

func seqOf(seq string) json.RawMessage {
	if seq == "" {
		return json.RawMessage("null")
	}
	return json.RawMessage(seq)
}

// docLine is a line of _scheduler/docs.
type docLine struct {
	Database    string  `json:"database"`
	DocID       string  `json:"doc_id"`
	ID          *string `json:"id"`
	Node        string  `json:"node"`
	Source      *string `json:"source"`
	Target      *string `json:"target"`
	State       string  `json:"state"`
	Info        any     `json:"info"`
	Errors      int     `json:"error_count"`
	Updated     string  `json:"last_updated"`
	Start       *string `json:"start_time"`
	Proxy       *string `json:"proxy"`
	SourceProxy *string `json:"source_proxy"`
	TargetProxy *string `json:"target_proxy"`
}

// jobLine is a line of _scheduler/jobs.
type jobLine struct {
	Database *string `json:"database"`
	DocID    *string `json:"doc_id"`
	ID       string  `json:"id"`
	PID      string  `json:"pid"`
	Node     string  `json:"node"`
	Source   string  `json:"source"`
	Target   string  `json:"target"`
	User     *string `json:"user"`
	Start    string  `json:"start_time"`
	Info     info    `json:"info"`
	History  []event `json:"history"`
}

func (j *job) docLine() docLine {
	st := j.status()
	start := stamp(j.added)
	line := docLine{
		Database: replicatorDB, DocID: j.doc, Node: node, State: st.state, Errors: st.errors, Updated: stamp(st.changed), Start: &start, Info: infoOf(st),
	}
	if st.id != "" {
		line.ID, line.Source, line.Target = &st.id, &st.source, &st.target
	}
	return line
}

func (j *job) jobLine() jobLine {
	st := j.status()
	line := jobLine{
		ID: st.id, PID: "<0.0.0>", Node: node, Source: st.source, Target: st.target, Start: stamp(j.added), Info: infoOf(st), History: st.events,
	}
	if j.doc != "" {
		database := replicatorDB
		line.Database, line.DocID = &database, &j.doc
	}
	return line
}

// ServeHTTP serves _replicate, _active_tasks, _scheduler/jobs and _scheduler/docs. Who may
// use them is decided before.
func (s *Scheduler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.Trim(r.URL.Path, "/")
	switch {
	case path == "_replicate":
		s.replicate(w, r)
	case path == "_active_tasks":
		s.listTasks(w)
	case path == "_scheduler/jobs":
		s.listJobs(w, r)
	case strings.HasPrefix(path, "_scheduler/jobs/"):
		s.showJob(w, strings.TrimPrefix(path, "_scheduler/jobs/"))
	case path == "_scheduler/docs" || path == "_scheduler/docs/"+replicatorDB:
		s.listDocs(w, r)
	case strings.HasPrefix(path, "_scheduler/docs/"+replicatorDB+"/"):
		s.showDoc(w, strings.TrimPrefix(path, "_scheduler/docs/"+replicatorDB+"/"))
	default:
		refuse(w, http.StatusNotFound, "not_found", "missing")
	}
}

func answer(w http.ResponseWriter, status int, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		status, text = http.StatusInternalServerError, []byte(`{"error":"internal_server_error","reason":"The server could not do it."}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n')) // a failed write means that the client left
}

func refuse(w http.ResponseWriter, status int, code, reason string) {
	answer(w, status, map[string]string{"error": code, "reason": reason})
}

// window reads limit and skip.
func window[T any](r *http.Request, all []T) (part []T, skip int) {
	q := r.URL.Query()
	skip, _ = strconv.Atoi(q.Get("skip"))
	skip = min(max(skip, 0), len(all))
	part = all[skip:]
	if limit, err := strconv.Atoi(q.Get("limit")); err == nil && limit >= 0 {
		part = part[:min(limit, len(part))]
	}
	return part, skip
}

func (s *Scheduler) listJobs(w http.ResponseWriter, r *http.Request) {
	lines := []jobLine{}
	for _, j := range s.sorted() {
		if st := j.status(); st.id != "" && st.state != completed && st.state != failed {
			lines = append(lines, j.jobLine())
		}
	}
	part, skip := window(r, lines)
	answer(w, http.StatusOK, map[string]any{"total_rows": len(lines), "offset": skip, "jobs": part})
}

func (s *Scheduler) showJob(w http.ResponseWriter, id string) {
	for _, j := range s.sorted() {
		if j.status().id == id {
			answer(w, http.StatusOK, j.jobLine())
			return
		}
	}
	refuse(w, http.StatusNotFound, "not_found", "missing")
}

func (s *Scheduler) listDocs(w http.ResponseWriter, r *http.Request) {
	lines := s.docLines()
	if states := r.URL.Query().Get("states"); states != "" {
		lines = slices.DeleteFunc(lines, func(l docLine) bool { return !slices.Contains(strings.Split(states, ","), l.State) })
	}
	part, skip := window(r, lines)
	answer(w, http.StatusOK, map[string]any{"total_rows": len(lines), "offset": skip, "docs": part})
}

func (s *Scheduler) showDoc(w http.ResponseWriter, id string) {
	if j := s.job(id); j != nil {
		answer(w, http.StatusOK, j.docLine())
		return
	}
	for _, l := range s.settledLines() {
		if l.DocID == id {
			answer(w, http.StatusOK, l)
			return
		}
	}
	refuse(w, http.StatusNotFound, "not_found", "missing")
}

func (s *Scheduler) docLines() []docLine {
	lines := s.settledLines()
	for _, j := range s.sorted() {
		if j.doc != "" {
			lines = append(lines, j.docLine())
		}
	}
	slices.SortFunc(lines, func(a, b docLine) int { return strings.Compare(a.DocID, b.DocID) })
	return lines
}

// settledLines tell of documents whose replication is over, or never was.
func (s *Scheduler) settledLines() []docLine {
	s.mu.Lock()
	defer s.mu.Unlock()
	lines := []docLine{}
	for id, d := range s.settled {
		line := docLine{Database: replicatorDB, DocID: id, Node: node, State: d.State, Updated: d.At}
		if d.ID != "" {
			line.ID = &d.ID
		}
		if d.Stats != nil {
			line.Info = d.Stats
		}
		if d.State == failed {
			line.Errors, line.Info = 1, map[string]string{"error": d.Reason}
		}
		lines = append(lines, line)
	}
	return lines
}

// sorted are the jobs by age.
func (s *Scheduler) sorted() []*job {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []*job
	for _, j := range s.jobs {
		all = append(all, j)
	}
	slices.SortFunc(all, func(a, b *job) int { return a.added.Compare(b.added) })
	return all
}

// maxDescription bounds the body of a POST of _replicate.
const maxDescription = 8 << 20

// replicate serves POST _replicate: once, or with continuous in the
// background, or with cancel its end.
func (s *Scheduler) replicate(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxDescription))
	if err != nil {
		refuse(w, http.StatusBadRequest, "bad_request", "The request body could not be read.")
		return
	}
	d, err := parse(raw)
	if err != nil {
		refuse(w, http.StatusBadRequest, "bad_request", err.Error())
		return
	}
	if d.Cancel {
		s.cancel(w, d)
		return
	}
	opts, err := s.options(d)
	var repl *replicator.Replication
	if err == nil {
		repl, err = replicator.New(opts)
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, "bad_request", err.Error())
		return
	}
	if len(s.sorted()) >= maxPassing {
		refuse(w, http.StatusServiceUnavailable, "too_many_replications", "Too many replications run already.")
		return
	}
	key := "/" + repl.ID()
	if d.Continuous {
		key += "+continuous"
	}
	j := s.start(&job{spec: d, opts: opts}, key)
	switch {
	case j == nil:
		refuse(w, http.StatusServiceUnavailable, "unavailable", "Replications have not begun yet.")
	case d.Continuous:
		answer(w, http.StatusAccepted, map[string]any{"ok": true, "_local_id": key[1:]})
	default:
		s.await(w, r, j, key)
	}
}

// await answers when a replication is done. It ends with its request.
func (s *Scheduler) await(w http.ResponseWriter, r *http.Request, j *job, key string) {
	select {
	case <-j.done:
	case <-r.Context().Done():
	}
	s.mu.Lock()
	if s.jobs[key] == j {
		delete(s.jobs, key)
	}
	s.mu.Unlock()
	j.stop()
	if st := j.status(); st.state != completed {
		s.explain(w, st)
		return
	}
	answer(w, http.StatusOK, j.result())
}

// result is the answer to a replication that is completed.
func (j *job) result() map[string]any {
	j.mu.Lock()
	repl := j.repl
	j.mu.Unlock()
	log := repl.Log()
	out := map[string]any{
		"ok": true, "session_id": log.Session, "source_last_seq": log.SourceSeq, "replication_id_version": log.Version, "history": log.History,
	}
	if s := repl.Stats(); s.MissingChecked == 0 {
		out["no_changes"] = true
	}
	return out
}

func (s *Scheduler) explain(w http.ResponseWriter, st status) {
	var refused *replicator.StatusError
	switch {
	case st.err == nil:
		refuse(w, http.StatusInternalServerError, "replication_stopped", "The replication was stopped.")
	case errors.As(st.err, &refused) && refused.Status == http.StatusNotFound:
		refuse(w, http.StatusInternalServerError, "db_not_found", "could not open "+strings.TrimPrefix(refused.Doing, "GET "))
	case errors.As(st.err, &refused) && (refused.Status == http.StatusUnauthorized || refused.Status == http.StatusForbidden):
		refuse(w, refused.Status, refused.Code, st.err.Error())
	default:
		refuse(w, http.StatusInternalServerError, "replication_error", st.err.Error())
	}
}

// cancel ends a replication that is named by its id or described again.
func (s *Scheduler) cancel(w http.ResponseWriter, d spec) {
	id := d.ReplicationID
	for _, other := range []string{d.LocalID, d.ID} {
		if id == "" {
			id = other
		}
	}
	if id == "" {
		opts, err := s.options(d)
		if err == nil {
			var repl *replicator.Replication
			if repl, err = replicator.New(opts); err == nil {
				id = repl.ID()
			}
		}
		if err != nil {
			refuse(w, http.StatusBadRequest, "bad_request", err.Error())
			return
		}
		if d.Continuous {
			id += "+continuous"
		}
	}
	for _, key := range []string{"/" + id, "/" + id + "+continuous"} {
		if s.remove(key) != nil {
			answer(w, http.StatusOK, map[string]any{"ok": true, "_local_id": key[1:]})
			return
		}
	}
	refuse(w, http.StatusNotFound, "not_found", "no replication of that id runs")
}
