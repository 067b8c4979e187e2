package main

import (
	"context"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/callflowd/callflowd/pkg/replication/sites"
	"github.com/callflowd/callflowd/pkg/route"
)

// indexMetrics show the size of the route indexes, and whether they follow
// changes that others make.
func indexMetrics(routes *route.Indexes) []prometheus.Collector {
	gauge := func(name, help string, value func(route.Totals) float64) prometheus.Collector {
		opts := prometheus.GaugeOpts{Name: "callflowd_index_" + name, Help: help}
		return prometheus.NewGaugeFunc(opts, func() float64 { return value(routes.Totals()) })
	}
	return []prometheus.Collector{
		gauge("accounts", "Accounts whose route index is in memory.", func(t route.Totals) float64 { return float64(t.Accounts) }),
		gauge("bytes", "About how many bytes the route indexes take.", func(t route.Totals) float64 { return float64(t.Bytes) }),
		gauge("numbers", "Numbers in the route indexes.", func(t route.Totals) float64 { return float64(t.Numbers) }),
		gauge("patterns", "Patterns in the route indexes.", func(t route.Totals) float64 { return float64(t.Patterns) }),
		gauge("patterns_extended", "Patterns with syntax beyond RE2, which run one by one within a limit of work.", func(t route.Totals) float64 { return float64(t.Extended) }),
		gauge("patterns_invalid", "Patterns that do not compile and never match.", func(t route.Totals) float64 { return float64(t.Invalid) }),
		gauge("fresh", "1 while the database's changes are being followed.", func(t route.Totals) float64 {
			if t.Fresh {
				return 1
			}
			return 0
		}),
		gauge("lag_seconds", "Seconds since the route index that is furthest behind was known to agree with the database.", func(t route.Totals) float64 { return t.Lag.Seconds() }),
		gauge("unsaved_seconds", "Age in seconds of the oldest snapshot of routes that is behind its index; 0 if none is.", func(t route.Totals) float64 { return t.Unsaved.Seconds() }),
	}
}

// buildInfo is 1, with the version in its labels.
func buildInfo() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "callflowd_build_info", Help: "1; the labels say which version this is and what built it.",
		ConstLabels: prometheus.Labels{"version": version(), "goversion": runtime.Version()},
	}, func() float64 { return 1 })
}

// storageMetrics show how fast the database answers and how often it fails, by
// operation.
type storageMetrics struct {
	seconds *prometheus.HistogramVec
	errors  *prometheus.CounterVec
}

func newStorageMetrics() *storageMetrics {
	operation := []string{"operation"}
	return &storageMetrics{
		prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "callflowd_storage_seconds", Help: "Time until the database began to answer, except feeds.",
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5, 30},
		}, operation),
		prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "callflowd_storage_errors_total", Help: "Requests that the database did not answer, or answered with a fault of its own.",
		}, operation),
	}
}

// observe implements [couch.Observer].
func (m *storageMetrics) observe(operation string, took time.Duration, failed bool) {
	m.seconds.WithLabelValues(operation).Observe(took.Seconds())
	if failed {
		m.errors.WithLabelValues(operation).Inc()
	}
}

// authorityAge is the age of the snapshot of keys and accounts.
func authorityAge(f *authorityFile) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "callflowd_authority_snapshot_age_seconds", Help: "Seconds since the snapshot of keys and accounts was last written to the data directory; -1 if it never was.",
	}, func() float64 {
		age, ok := f.age()
		if !ok {
			return -1
		}
		return age.Seconds()
	})
}

// copyMetrics tell how far each replication to or from another site is.
type copyMetrics struct {
	sites               *sites.Service
	lag, pending, works *prometheus.Desc
}

func newCopyMetrics(s *sites.Service) *copyMetrics {
	label := []string{"replication", "remote"}
	return &copyMetrics{
		s,
		prometheus.NewDesc("callflowd_replication_lag_seconds", "How far the copy at the other site may be behind; 0 while nothing is pending.", label, nil),
		prometheus.NewDesc("callflowd_replication_pending", "Changes that the other site does not have yet, as far as is known.", label, nil),
		prometheus.NewDesc("callflowd_replication_up", "1 unless something keeps the replication from going on.", label, nil),
	}
}

// Describe implements [prometheus.Collector].
func (m *copyMetrics) Describe(to chan<- *prometheus.Desc) {
	to <- m.lag
	to <- m.pending
	to <- m.works
}

// copyTimeout limits what a scrape waits for storage.
const copyTimeout = 2 * time.Second

// Collect implements [prometheus.Collector]. While storage does not answer
// there are no samples.
func (m *copyMetrics) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), copyTimeout)
	defer cancel()
	list, err := m.sites.Statuses(ctx)
	if err != nil {
		return
	}
	for _, st := range list {
		up := 1.0
		if st.State == sites.Retrying || st.State == sites.Failed {
			up = 0
		}
		to <- prometheus.MustNewConstMetric(m.works, prometheus.GaugeValue, up, st.ID, st.Remote)
		if st.Lag != nil {
			to <- prometheus.MustNewConstMetric(m.lag, prometheus.GaugeValue, *st.Lag, st.ID, st.Remote)
		}
		if st.Pending != nil {
			to <- prometheus.MustNewConstMetric(m.pending, prometheus.GaugeValue, float64(*st.Pending), st.ID, st.Remote)
		}
	}
}
