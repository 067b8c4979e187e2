package replication

import (
	"cmp"
	"encoding/json"
	"net/http"
	"time"

	"github.com/callflowd/callflowd/pkg/replication/replicator"
)

// task is a running replication in _active_tasks, as couch_replicator of CouchDB
// 3.5 tells of one.
type task struct {
	Node       string          `json:"node"`
	PID        string          `json:"pid"`
	Type       string          `json:"type"`
	ID         string          `json:"replication_id"`
	Database   *string         `json:"database"`
	DocID      *string         `json:"doc_id"`
	User       *string         `json:"user"`
	Source     string          `json:"source"`
	Target     string          `json:"target"`
	Continuous bool            `json:"continuous"`
	Pending    *int64          `json:"changes_pending"`
	Interval   int64           `json:"checkpoint_interval"` // milliseconds
	Checkpoint json.RawMessage `json:"checkpointed_source_seq"`
	SourceSeq  json.RawMessage `json:"source_seq"`
	Through    json.RawMessage `json:"through_seq"`
	Checked    int64           `json:"revisions_checked"`
	Found      int64           `json:"missing_revisions_found"`
	Read       int64           `json:"docs_read"`
	Written    int64           `json:"docs_written"`
	Failures   int64           `json:"doc_write_failures"`
	BulkDocs   int64           `json:"bulk_get_docs"`
	BulkTries  int64           `json:"bulk_get_attempts"`
	Started    int64           `json:"started_on"` // Unix seconds
	Updated    int64           `json:"updated_on"`
}

// listTasks serves _active_tasks: the replications that run now.
func (s *Scheduler) listTasks(w http.ResponseWriter) {
	tasks := []task{}
	for _, j := range s.sorted() {
		if st := j.status(); st.state == running && st.id != "" {
			tasks = append(tasks, j.task(st))
		}
	}
	answer(w, http.StatusOK, tasks)
}

func (j *job) task(st status) task {
	line, i := j.jobLine(), infoOf(st)
	return task{
		Node: node, PID: line.PID, Type: "replication", ID: st.id, Database: line.Database, DocID: line.DocID, Source: st.source, Target: st.target,
		Continuous: j.spec.Continuous, Pending: i.Pending, Interval: checkpointEach(j.opts).Milliseconds(), Checkpoint: i.Checkpoint, SourceSeq: i.Source,
		Through: i.Through, Checked: i.Checked, Found: i.Found, Read: i.Read, Written: i.Written, Failures: i.Failures, BulkDocs: i.BulkDocs,
		BulkTries: i.BulkTries, Started: st.stats.Started.Unix(), Updated: time.Now().Unix(),
	}
}

// checkpointEach is how often a checkpoint is written at least.
func checkpointEach(o replicator.Options) time.Duration {
	return cmp.Or(o.Checkpoint, replicator.DefaultCheckpoint)
}
