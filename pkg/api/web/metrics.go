package web

import (
	"bytes"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/callflowd/callflowd/pkg/trace"
)

// metrics counts requests by the table's paths, never by what clients make up.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	inFlight prometheus.Gauge
	events   map[trace.Event]prometheus.Counter
	page     http.Handler
}

func newMetrics(others []prometheus.Collector) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "callflowd_http_requests_total", Help: "Requests answered.",
		}, []string{"route", "method", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "callflowd_http_request_seconds", Help: "Time to answer a request.",
			Buckets: []float64{.00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5, 30},
		}, []string{"route", "method"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "callflowd_http_requests_in_flight", Help: "Requests being answered.",
		}),
	}
	m.countEvents()
	m.registry.MustRegister(m.requests, m.seconds, m.inFlight,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.registry.MustRegister(others...)
	m.page = promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{DisableCompression: true})
	return m
}

// countEvents makes a counter for each kind of event in a request.
func (m *metrics) countEvents() {
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
		m.registry.MustRegister(c)
		return c
	}
	family := func(name, help string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{"outcome"})
		m.registry.MustRegister(v)
		return v
	}
	bookings := family("callflowd_double_bookings_total", "Numbers and patterns that two documents want: saves refused for it, and stored documents where it was found.")
	merges := family("callflowd_merges_total", "Edits of a revision that others had written over: merged, clashed, or without a base since the revision is gone.")
	m.events = map[trace.Event]prometheus.Counter{
		trace.Conflict:         counter("callflowd_save_conflicts_total", "Saves that met a concurrent one and began again."),
		trace.Undone:           counter("callflowd_saves_undone_total", "Writes that were undone before they were acknowledged, since a reservation was lost."),
		trace.BookingRefused:   bookings.WithLabelValues("refused"),
		trace.BookingFound:     bookings.WithLabelValues("found"),
		trace.Merged:           merges.WithLabelValues("merged"),
		trace.MergeClashed:     merges.WithLabelValues("clashed"),
		trace.MergeWithoutBase: merges.WithLabelValues("no_base"),
	}
}

// add counts the events of a request.
func (m *metrics) add(r *trace.Request) {
	r.Events(func(e trace.Event, n int) { m.events[e].Add(float64(n)) })
}

// routeMetrics are the series of one row, found once. They are made by the
// first request, so that the page shows what is used.
type routeMetrics struct {
	once, good sync.Once
	seconds    prometheus.Observer
	found      prometheus.Counter // answered with 200
}

// observe counts one request; one outside the table has no row.
func (m *metrics) observe(r *Row, method string, status int, took time.Duration) {
	if r == nil {
		method = knownMethod(method)
		m.seconds.WithLabelValues("-", method).Observe(took.Seconds())
		m.requests.WithLabelValues("-", method, strconv.Itoa(status)).Inc()
		return
	}
	count := r.count
	count.once.Do(func() { count.seconds = m.seconds.WithLabelValues(r.Path, r.Method) })
	count.seconds.Observe(took.Seconds())
	if status != http.StatusOK {
		m.requests.WithLabelValues(r.Path, r.Method, strconv.Itoa(status)).Inc()
		return
	}
	count.good.Do(func() { count.found = m.requests.WithLabelValues(r.Path, r.Method, "200") })
	count.found.Inc()
}

// knownMethod is a method that HTTP defines, or other, so that a client cannot
// make up series.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodPut, http.MethodPost, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "other"
}

// ShowMetrics serves GET /metrics in Prometheus' text form.
func (s *Server) ShowMetrics(c *Call) (*Answer, error) {
	page := &collected{header: http.Header{}}
	s.metrics.page.ServeHTTP(page, c.Request)
	return &Answer{Raw: &RawBody{ContentType: page.header.Get("Content-Type"), Body: page.Bytes()}}, nil
}

// collected is a response kept in memory.
type collected struct {
	bytes.Buffer
	header http.Header
}

func (p *collected) Header() http.Header { return p.header }
func (*collected) WriteHeader(int)       {}
