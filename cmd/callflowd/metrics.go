package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/callflowd/callflowd/pkg/route"
)

// indexMetrics tell what the route indexes take, and whether they hear of
// changes that others make.
func indexMetrics(routes *route.Indexes) []prometheus.Collector {
	gauge := func(name, help string, value func(route.Totals) float64) prometheus.Collector {
		opts := prometheus.GaugeOpts{Name: "callflowd_index_" + name, Help: help}
		return prometheus.NewGaugeFunc(opts, func() float64 { return value(routes.Totals()) })
	}
	return []prometheus.Collector{
		gauge("accounts", "Accounts whose route index is in memory.", func(t route.Totals) float64 { return float64(t.Accounts) }),
		gauge("bytes", "Bytes that the route indexes take, about.", func(t route.Totals) float64 { return float64(t.Bytes) }),
		gauge("fresh", "1 while the database's changes are being followed.", func(t route.Totals) float64 {
			if t.Fresh {
				return 1
			}
			return 0
		}),
	}
}
