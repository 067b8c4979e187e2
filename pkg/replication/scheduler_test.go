package replication_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/couchlite"
	"github.com/callflowd/callflowd/pkg/replication"
)

type object = map[string]any

// server is couchlite with a scheduler, at an address.
func server(t *testing.T, cfg replication.Config) string {
	t.Helper()
	lite, err := couchlite.Open(couchlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	client, err := couch.Open(couch.Config{Transport: lite.Transport()})
	if err != nil {
		t.Fatal(err)
	}
	cfg.Couch, cfg.Local, cfg.LocalURL, cfg.UUID = client, lite.Transport(), "http://couchlite", lite.UUID()
	scheduler := replication.New(cfg)
	lite.Replications(scheduler)
	if err := client.CreateDB(t.Context(), "_replicator"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		scheduler.Run(ctx)
	}()
	web := httptest.NewServer(lite)
	t.Cleanup(func() {
		cancel()
		<-done
		web.CloseClientConnections()
		web.Close()
		if err := lite.Close(); err != nil {
			t.Error(err)
		}
	})
	return web.URL
}

// ask sends a request and decodes the answer.
func ask(t *testing.T, method, address string, in any) (int, object) {
	t.Helper()
	text, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, address, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var out object
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatalf("%s %s: %d %s", method, address, res.StatusCode, raw)
	}
	return res.StatusCode, out
}

// must is ask that has to succeed.
func must(t *testing.T, method, address string, in any) object {
	t.Helper()
	code, out := ask(t, method, address, in)
	if code >= 300 {
		t.Fatalf("%s %s: %d %v", method, address, code, out)
	}
	return out
}

func fill(t *testing.T, db string, n int) {
	t.Helper()
	if code, out := ask(t, "PUT", db, nil); code >= 300 && code != 412 {
		t.Fatal(out)
	}
	for i := range n {
		must(t, "PUT", fmt.Sprintf("%s/d%d", db, i), object{"n": i})
	}
}

// scheduled is a document's line in _scheduler/docs.
func scheduled(t *testing.T, at, id string) object {
	t.Helper()
	_, out := ask(t, "GET", at+"/_scheduler/docs/_replicator/"+id, nil)
	return out
}

// activeTasks reads _active_tasks, which is a list.
func activeTasks(t *testing.T, at string) (tasks []object) {
	t.Helper()
	res, err := http.Get(at + "/_active_tasks")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(&tasks); err != nil {
		t.Fatal(err)
	}
	return tasks
}

func TestReplicateOnce(t *testing.T) {
	a, b := server(t, replication.Config{}), server(t, replication.Config{})
	fill(t, a+"/src", 5)
	request := object{"source": "src", "target": b + "/dst", "create_target": true}
	var out object
	couchtest.Eventually(t, "the scheduler runs", func() bool {
		var code int
		code, out = ask(t, "POST", a+"/_replicate", request)
		return code == 200
	})
	history, _ := out["history"].([]any)
	if out["ok"] != true || out["session_id"] == "" || out["replication_id_version"] != 4.0 || len(history) != 1 {
		t.Fatalf("answer %v", out)
	}
	if run := history[0].(object); run["docs_written"] != 5.0 || run["missing_found"] != 5.0 {
		t.Errorf("history %v", run)
	}
	if again := must(t, "POST", a+"/_replicate", request); again["no_changes"] != true || again["session_id"] != out["session_id"] {
		t.Errorf("again %v", again)
	}
	if got := must(t, "GET", b+"/dst", nil)["doc_count"]; got != 5.0 {
		t.Errorf("%v documents", got)
	}
}

func TestReplicateRefusals(t *testing.T) {
	a := server(t, replication.Config{Attempts: 1})
	fill(t, a+"/src", 1)
	tests := []struct {
		name   string
		body   object
		status int
		code   string
	}{
		{"no source", object{"target": "x"}, 400, "bad_request"},
		{"no target", object{"source": "src"}, 400, "bad_request"},
		{"missing source", object{"source": "nothing", "target": "src"}, 500, "db_not_found"},
		{"missing target", object{"source": "src", "target": "nothing"}, 500, "db_not_found"},
		{"nobody there", object{"source": "http://127.0.0.1:1/db", "target": "src"}, 500, "replication_error"},
		{"wrong type", object{"source": 5, "target": "src"}, 400, "bad_request"},
		{"two filters", object{"source": "src", "target": "src", "filter": "a/b", "doc_ids": []string{"a"}}, 400, "bad_request"},
		{"nothing to cancel", object{"source": "src", "target": "src", "cancel": true}, 404, "not_found"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, out := ask(t, "POST", a+"/_replicate", tt.body)
			if code != tt.status || out["error"] != tt.code || out["reason"] == "" {
				t.Errorf("%d %v", code, out)
			}
		})
	}
}

func TestReplicateContinuousAndCancel(t *testing.T) {
	a := server(t, replication.Config{})
	fill(t, a+"/src", 3)
	fill(t, a+"/dst", 0)
	request := object{"source": "src", "target": "dst", "continuous": true}
	var id any
	couchtest.Eventually(t, "the scheduler runs", func() bool {
		code, out := ask(t, "POST", a+"/_replicate", request)
		id = out["_local_id"]
		return code == 202
	})
	must(t, "PUT", a+"/src/late", object{})
	couchtest.Eventually(t, "the late document comes", func() bool {
		code, _ := ask(t, "GET", a+"/dst/late", nil)
		return code == 200
	})
	if _, again := ask(t, "POST", a+"/_replicate", request); again["_local_id"] != id {
		t.Errorf("the same replication is %v, and was %v", again["_local_id"], id)
	}
	jobs := must(t, "GET", a+"/_scheduler/jobs", nil)
	lines, _ := jobs["jobs"].([]any)
	if jobs["total_rows"] != 1.0 || len(lines) != 1 {
		t.Fatalf("jobs %v", jobs)
	}
	line := lines[0].(object)
	for _, member := range []string{"database", "doc_id", "history", "id", "info", "node", "pid", "source", "start_time", "target", "user"} {
		if _, ok := line[member]; !ok {
			t.Errorf("a job has no %s", member)
		}
	}
	if line["id"] != id {
		t.Errorf("job %v, want %v", line["id"], id)
	}
	request["cancel"] = true
	if out := must(t, "POST", a+"/_replicate", request); out["_local_id"] != id {
		t.Errorf("cancelled %v", out)
	}
	if left := must(t, "GET", a+"/_scheduler/jobs", nil); left["total_rows"] != 0.0 {
		t.Errorf("jobs %v", left)
	}
}

// A document's replication runs, and the document then says so; deleting it,
// or another description, ends it.
func TestReplicatorDocuments(t *testing.T) {
	a := server(t, replication.Config{})
	fill(t, a+"/src", 3)
	must(t, "PUT", a+"/_replicator/once", object{"source": "src", "target": a + "/dst", "create_target": true})
	var doc object
	couchtest.Eventually(t, "the document says that it is done", func() bool {
		doc = must(t, "GET", a+"/_replicator/once", nil)
		return doc["_replication_state"] == "completed"
	})
	stats, _ := doc["_replication_stats"].(object)
	if doc["_replication_id"] == "" || doc["_replication_state_time"] == "" || stats["docs_written"] != 3.0 {
		t.Errorf("document %v", doc)
	}
	if line := scheduled(t, a, "once"); line["state"] != "completed" || line["database"] != "_replicator" || line["doc_id"] != "once" {
		t.Errorf("line %v", line)
	}
	must(t, "PUT", a+"/_replicator/always", object{"source": "src", "target": "dst", "continuous": true})
	couchtest.Eventually(t, "the other one runs", func() bool { return scheduled(t, a, "always")["state"] == "running" })
	must(t, "PUT", a+"/src/late", object{})
	couchtest.Eventually(t, "the late document comes", func() bool {
		code, _ := ask(t, "GET", a+"/dst/late", nil)
		return code == 200
	})
	line := scheduled(t, a, "always")
	want := object{
		"type": "replication", "database": "_replicator", "doc_id": "always", "continuous": true, "doc_write_failures": 0.0,
		"replication_id": line["id"], "source": line["source"], "target": line["target"], "checkpoint_interval": 5_000.0,
	}
	var task object
	couchtest.Eventually(t, "_active_tasks has it, and the late document", func() bool {
		tasks := activeTasks(t, a)
		if len(tasks) != 1 {
			t.Fatalf("_active_tasks %v", tasks)
		}
		task = tasks[0]
		return task["docs_written"] == 1.0 && task["changes_pending"] == 0.0
	})
	for member, want := range want {
		if task[member] != want {
			t.Errorf("_active_tasks tells %s %v, want %v", member, task[member], want)
		}
	}
	rev := must(t, "GET", a+"/_replicator/always", nil)["_rev"].(string)
	must(t, "DELETE", a+"/_replicator/always?rev="+rev, nil)
	couchtest.Eventually(t, "it ends", func() bool { return must(t, "GET", a+"/_scheduler/jobs", nil)["total_rows"] == 0.0 })
	if tasks := activeTasks(t, a); len(tasks) != 0 {
		t.Errorf("_active_tasks %v", tasks)
	}
	if code, _ := ask(t, "GET", a+"/_scheduler/docs/_replicator/always", nil); code != 404 {
		t.Errorf("the document that is gone is still told of: %d", code)
	}
}

func TestReplicatorDocumentStates(t *testing.T) {
	a := server(t, replication.Config{Attempts: 1})
	fill(t, a+"/src", 1)
	must(t, "PUT", a+"/_replicator/broken", object{"source": "src"})
	must(t, "PUT", a+"/_replicator/lost", object{"source": "nothing", "target": "src"})
	must(t, "PUT", a+"/_replicator/away", object{"source": "http://127.0.0.1:1/x", "target": "src", "continuous": true})
	for id, want := range map[string]string{"broken": "failed", "lost": "crashing", "away": "crashing"} {
		couchtest.Eventually(t, id+" is "+want, func() bool { return scheduled(t, a, id)["state"] == want })
	}
	if doc := must(t, "GET", a+"/_replicator/broken", nil); doc["_replication_state"] != "failed" || doc["_replication_state_reason"] == nil {
		t.Errorf("document %v", doc)
	}
	all := must(t, "GET", a+"/_scheduler/docs?states=crashing", nil)
	if lines, _ := all["docs"].([]any); all["total_rows"] != 2.0 || len(lines) != 2 {
		t.Errorf("crashing ones: %v", all)
	}
	line := scheduled(t, a, "away")
	info, _ := line["info"].(object)
	if text, _ := info["error"].(string); text == "" || line["error_count"].(float64) < 1 {
		t.Errorf("line %v", line)
	}
	must(t, "PUT", a+"/nothing", nil)
	couchtest.Eventually(t, "the one that was lost completes", func() bool { return scheduled(t, a, "lost")["state"] == "completed" })
}

// More replications than may run at a time take turns.
func TestTurns(t *testing.T) {
	a := server(t, replication.Config{MaxJobs: 2, Rotate: 50 * time.Millisecond})
	for i := range 6 {
		fill(t, fmt.Sprintf("%s/s%d", a, i), 2)
		must(t, "PUT", fmt.Sprintf("%s/_replicator/r%d", a, i), object{
			"source": fmt.Sprintf("s%d", i), "target": fmt.Sprintf("t%d", i), "create_target": true, "continuous": true,
		})
	}
	for i := range 6 {
		couchtest.Eventually(t, "every database is copied", func() bool {
			_, out := ask(t, "GET", fmt.Sprintf("%s/t%d", a, i), nil)
			return out["doc_count"] == 2.0
		})
	}
}
