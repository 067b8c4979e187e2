package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/callflowd/callflowd/pkg/couch/couchtest"
)

// exported are the names of the metrics that a program has, also of those that
// nothing has counted yet.
func exported(t *testing.T) map[string]bool {
	t.Helper()
	p := start(t, "--data-dir="+t.TempDir())
	var metrics string
	for range 2 { // the first request is counted once it is answered
		metrics = scrape(t, p)
	}
	names := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^([a-z_]+)[{ ]`).FindAllStringSubmatch(metrics, -1) {
		names[m[1]] = true
	}
	for name, collector := range map[string]prometheus.Collector{ // with a failure, or with --couchdb-url, only
		"callflowd_storage_errors_total": newStorageMetrics().errors,
		"callflowd_couchdb_node_up":      newNodeStates(nil),
	} {
		descs := make(chan *prometheus.Desc, 1)
		collector.Describe(descs)
		if !strings.Contains((<-descs).String(), strconv.Quote(name)) {
			t.Fatalf("%s has another name", name)
		}
		names[name] = true
	}
	for _, summed := range []string{"http_request_seconds", "storage_seconds"} { // what a histogram is made of
		if !names["callflowd_"+summed+"_bucket"] {
			t.Errorf("there is no callflowd_%s", summed)
		}
	}
	return names
}

// metricName is a metric of ours, or one of the process's or the runtime's.
var metricName = regexp.MustCompile(`\b(?:callflowd|process|go_memstats)_[a-z_]+`)

// TestDashboard: the file is what Grafana imports, every metric in it exists,
// and no two panels lie on one another.
func TestDashboard(t *testing.T) {
	raw, err := os.ReadFile("dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Title, UID    string
		SchemaVersion int
		Panels        []struct {
			Title, Type string
			GridPos     struct{ X, Y, W, H int }
			Targets     []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(raw, &board); err != nil {
		t.Fatal(err)
	}
	if board.Title == "" || board.UID == "" || board.SchemaVersion == 0 || len(board.Panels) == 0 {
		t.Errorf("%+v lacks something", board)
	}
	names, places := exported(t), map[[2]int]string{}
	for _, panel := range board.Panels {
		at := [2]int{panel.GridPos.X, panel.GridPos.Y}
		if other := places[at]; other != "" || panel.GridPos.W == 0 || panel.GridPos.H == 0 {
			t.Errorf("%s lies on %q, or is not to be seen", panel.Title, other)
		}
		places[at] = panel.Title
		for _, target := range panel.Targets {
			used := metricName.FindAllString(target.Expr, -1)
			if len(used) == 0 {
				t.Errorf("%s asks for nothing of ours: %s", panel.Title, target.Expr)
			}
			for _, name := range used {
				if !names[name] {
					t.Errorf("%s: there is no metric %s", panel.Title, name)
				}
			}
		}
	}
}

// TestNodeMetrics: the state of each node of --couchdb-url is told, also of one
// that stands by.
func TestNodeMetrics(t *testing.T) {
	address := couchtest.URL(t)
	dead := newFaultyStorage(t, address)
	everything := fault(reset)
	dead.now.Store(&everything)
	p := start(t, "--data-dir="+t.TempDir(), "--couchdb-url="+address, "--couchdb-url="+dead.url)
	want := func(address string, up int) string {
		parsed, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("callflowd_couchdb_node_up{node=%q} %d\n", parsed.Host, up)
	}
	couchtest.Eventually(t, "one node is up and the other is not", func() bool {
		metrics := scrape(t, p)
		return strings.Contains(metrics, want(address, 1)) && strings.Contains(metrics, want(dead.url, 0))
	})
}

// TestReadmeMetrics: README names every metric of ours, and no other.
func TestReadmeMetrics(t *testing.T) {
	raw, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(raw), "\n### Metrics\n")
	table, _, _ = strings.Cut(table, "\n### ")
	told := map[string]bool{}
	for _, name := range regexp.MustCompile(`callflowd_[a-z_]+`).FindAllString(table, -1) {
		told[name] = true
	}
	series := strings.NewReplacer("_bucket", "", "_sum", "", "_count", "")
	has := map[string]bool{"callflowd_authority_snapshot_age_seconds": true} // with --couchdb-url only
	for name := range exported(t) {
		if strings.HasPrefix(name, "callflowd_") {
			has[series.Replace(name)] = true
		}
	}
	for name := range has {
		if !told[name] {
			t.Errorf("README does not tell of %s", name)
		}
	}
	for name := range told {
		if !has[name] && !strings.HasPrefix(name, "callflowd_notices_") && !strings.HasPrefix(name, "callflowd_replication") {
			t.Errorf("README tells of %s, which there is not", name)
		}
	}
}

// TestAlerts: the file is what Prometheus reads, and every metric in it exists.
func TestAlerts(t *testing.T) {
	raw, err := os.ReadFile("alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr, For string
				Annotations      map[string]string
			}
		}
	}
	if err := yaml.UnmarshalWithOptions(raw, &file, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	names, metric, checked := exported(t), regexp.MustCompile(`callflowd_[a-z_]+`), 0
	for _, group := range file.Groups {
		for _, rule := range group.Rules {
			used := metric.FindAllString(rule.Expr, -1)
			if rule.Alert == "" || rule.For == "" || rule.Annotations["summary"] == "" || len(used) == 0 {
				t.Errorf("%+v lacks something", rule)
			}
			for _, name := range used {
				checked++
				if !names[name] {
					t.Errorf("%s: there is no metric %s", rule.Alert, name)
				}
			}
		}
	}
	if checked == 0 {
		t.Error("no metric was checked")
	}
}
