package main

import (
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/prometheus/client_golang/prometheus"
)

// exported are the names of the metrics that a program has, also of those that
// nothing has counted yet.
func exported(t *testing.T) map[string]bool {
	t.Helper()
	p := start(t, "--data-dir="+t.TempDir())
	var page []byte
	for range 2 { // the first request is counted once it is answered
		res, err := http.Get(p.api + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		page, err = io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
	}
	names := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^([a-z_]+)[{ ]`).FindAllSubmatch(page, -1) {
		names[string(m[1])] = true
	}
	descs := make(chan *prometheus.Desc, 1)
	newStorageMetrics().errors.Describe(descs)
	if !strings.Contains((<-descs).String(), `"callflowd_storage_errors_total"`) {
		t.Fatal("the errors of storage have another name")
	}
	names["callflowd_storage_errors_total"] = true
	return names
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
