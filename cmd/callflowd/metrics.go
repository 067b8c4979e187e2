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
	}
}
