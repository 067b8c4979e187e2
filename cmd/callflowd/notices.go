package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/callflowd/callflowd/pkg/notice"
)

// noticeMetrics show how publishing notices goes, by broker.
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
		gauge("backlog_seconds", "How long the longest waiting of these databases has waited.", func(s notice.State) float64 { return s.Behind.Seconds() })
		counter("published_total", "Notices that the broker has confirmed.", func(s notice.State) float64 { return float64(s.Published) })
		counter("failed_total", "Attempts to publish that failed and will be repeated.", func(s notice.State) float64 { return float64(s.Failed) })
	}
	return all
}

// noticesWork is the part of /readyz about brokers that are away and the
// notices that wait for them. It does not make callflowd unready: saving and
// looking up go on.
func (a *app) noticesWork(context.Context) error {
	var waiting []string
	for i, s := range a.notices.States() {
		if s.Connected && s.Behind < behindTooLong {
			continue
		}
		waiting = append(waiting, fmt.Sprintf("broker %d: connected %t, %d databases wait, the first for %s",
			i+1, s.Connected, s.Databases, s.Behind.Round(time.Second)))
	}
	if waiting == nil {
		return nil
	}
	return notWorking(strings.Join(waiting, "; ")) // without addresses: /readyz asks for no token
}

// behindTooLong is from which delay on /readyz reports that notices are late.
const behindTooLong = time.Minute
