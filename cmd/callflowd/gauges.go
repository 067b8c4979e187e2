package main

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/callflowd/callflowd/cmd/callflowd/host"
	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couchlite"
)

func gauge(name, help string, value func() float64) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "callflowd_" + name, Help: help}, value)
}

// diskFree is how much the data directory's disk has left.
func diskFree(dataDir string) prometheus.Collector {
	return gauge("disk_free_bytes", "Bytes that are free where the data directory is; -1 where that is not known.", func() float64 {
		free, known := host.FreeBytes(dataDir)
		if !known {
			return -1
		}
		return float64(free)
	})
}

// sizesKept is how long a sum of file sizes is good: it takes a look at every
// file.
const sizesKept = time.Minute

// isHistory reports whether a database is an account's of one month.
func isHistory(name string) bool {
	_, month, ok := couch.AccountOf(name)
	return ok && month != ""
}

// embeddedMetrics tell what embedded databases take.
func embeddedMetrics(lite *couchlite.Server) []prometheus.Collector {
	return []prometheus.Collector{
		gauge("databases", "Embedded databases.", func() float64 { return float64(lite.Stats().Databases) }),
		gauge("databases_open", "Embedded databases that are open.", func() float64 { return float64(lite.Stats().Open) }),
		gauge("databases_damaged", "Embedded databases that are damaged.", func() float64 { return float64(lite.Stats().Damaged) }),
		gauge("databases_descriptors", "Descriptors that embedded databases and their view indexes hold, about.", func() float64 { return float64(lite.Stats().Descriptors) }),
		gauge("databases_bytes", "Bytes of the files of embedded databases, view indexes left out; a minute old at most.", kept(func() float64 {
			return float64(lite.Bytes(func(string) bool { return true }))
		})),
		gauge("history_bytes", "Bytes of the files of embedded databases that keep history; a minute old at most.", kept(func() float64 {
			return float64(lite.Bytes(isHistory))
		})),
		gauge("view_builds", "View indexes of embedded databases that are being built.", func() float64 {
			builds, _ := lite.Building()
			return float64(builds)
		}),
		gauge("view_lag_changes", "Changes that the view index furthest behind among those being built has not seen.", func() float64 {
			_, behind := lite.Building()
			return float64(behind)
		}),
	}
}

// kept asks for a value at most once a minute.
func kept(ask func() float64) func() float64 {
	var mu sync.Mutex
	var value float64
	var at time.Time
	return func() float64 {
		mu.Lock()
		defer mu.Unlock()
		if at.IsZero() || time.Since(at) >= sizesKept {
			value, at = ask(), time.Now()
		}
		return value
	}
}

// nodeStates tells which nodes of the CouchDB server answer.
type nodeStates struct {
	client *couch.Client
	desc   *prometheus.Desc
}

func newNodeStates(client *couch.Client) nodeStates {
	return nodeStates{client, prometheus.NewDesc("callflowd_couchdb_node_up", "1 while the node of --couchdb-url answers, 0 while it is left alone.", []string{"node"}, nil)}
}

// Describe implements [prometheus.Collector].
func (n nodeStates) Describe(descs chan<- *prometheus.Desc) { descs <- n.desc }

// Collect implements [prometheus.Collector].
func (n nodeStates) Collect(metrics chan<- prometheus.Metric) {
	for _, node := range n.client.Nodes() {
		metrics <- prometheus.MustNewConstMetric(n.desc, prometheus.GaugeValue, oneIf(node.Up), node.Host)
	}
}

func oneIf(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// readyParts tells, for each part that /readyz tells of, whether it works. The
// parts are known once the program runs.
type readyParts struct {
	app  *app
	desc *prometheus.Desc
}

func newReadyParts(a *app) readyParts {
	return readyParts{a, prometheus.NewDesc("callflowd_ready", "1 while the part works, as /readyz says.", []string{"part"}, nil)}
}

// Describe implements [prometheus.Collector].
func (r readyParts) Describe(descs chan<- *prometheus.Desc) { descs <- r.desc }

// Collect implements [prometheus.Collector].
func (r readyParts) Collect(metrics chan<- prometheus.Metric) {
	if r.app.server == nil {
		return
	}
	for _, o := range r.app.server.Outcomes() {
		metrics <- prometheus.MustNewConstMetric(r.desc, prometheus.GaugeValue, oneIf(o.Err == nil), o.Part)
	}
}
