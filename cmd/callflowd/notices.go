package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/callflowd/callflowd/pkg/notice"
)

// noticeMetrics tell how telling others of changes goes, by broker.
func noticeMetrics(p *notice.Publisher) []prometheus.Collector {
	var all []prometheus.Collector
	for i, state := range p.States() {
		labels := prometheus.Labels{"broker": state.Broker}
		gauge := func(name, help string, value func(notice.State) float64) {
			opts := prometheus.GaugeOpts{Name: "callflowd_notices_" + name, Help: help, ConstLabels: labels}
			all = append(all, prometheus.NewGaugeFunc(opts, func() float64 { return value(p.States()[i]) }))
		}
		counter := func(name, help string, value func(notice.State) float64) {
			opts := prometheus.CounterOpts{Name: "callflowd_notices_" + name, Help: help, ConstLabels: labels}
			all = append(all, prometheus.NewCounterFunc(opts, func() float64 { return value(p.States()[i]) }))
		}
		gauge("connected", "1 while the broker can be reached.", func(s notice.State) float64 {
			if s.Connected {
				return 1
			}
			return 0
		})
		gauge("backlog_databases", "Databases whose changes are not announced yet, or may not be.", func(s notice.State) float64 { return float64(s.Databases) })
		gauge("backlog_seconds", "How long the one of them has waited that has waited longest.", func(s notice.State) float64 { return s.Behind.Seconds() })
		counter("published_total", "Notices that the broker has confirmed.", func(s notice.State) float64 { return float64(s.Published) })
		counter("failed_total", "Attempts to publish that failed and are made again.", func(s notice.State) float64 { return float64(s.Failed) })
	}
	return all
}

// readiness is what /readyz tells besides. A broker that is away is no reason
// to send requests elsewhere: saving and looking up go on without it.
func (a *app) readiness() map[string]any {
	if a.notices == nil {
		return nil
	}
	var brokers []any
	for _, s := range a.notices.States() {
		brokers = append(brokers, map[string]any{
			"broker": s.Broker, "connected": s.Connected, "backlog_databases": s.Databases, "backlog_seconds": s.Behind.Seconds(),
			"published": s.Published, "failed": s.Failed,
		})
	}
	return map[string]any{"notices": brokers}
}
