package web

import (
	"bytes"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics counts requests by the table's paths, never by what clients make up.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	inFlight prometheus.Gauge
	page     http.Handler
	outside  *routeMetrics // of paths that are not in the table
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
		}, []string{"route"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "callflowd_http_requests_in_flight", Help: "Requests being answered.",
		}),
	}
	m.registry.MustRegister(m.requests, m.seconds, m.inFlight,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.registry.MustRegister(others...)
	m.page = promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{DisableCompression: true})
	m.outside = m.route("-")
	return m
}

// routeMetrics are one path's series, found once.
type routeMetrics struct {
	template string
	seconds  prometheus.Observer
	found    prometheus.Counter // GET answered with 200
}

func (m *metrics) route(template string) *routeMetrics {
	return &routeMetrics{
		template: template, seconds: m.seconds.WithLabelValues(template),
		found: m.requests.WithLabelValues(template, http.MethodGet, "200"),
	}
}

// observe counts one request; one outside the table has no row. A method that
// HTTP does not define is counted as another, so that a client cannot make up
// series.
func (m *metrics) observe(r *Row, method string, status int, took time.Duration) {
	count := m.outside
	if r != nil {
		count = r.count
	}
	count.seconds.Observe(took.Seconds())
	if method == http.MethodGet && status == http.StatusOK {
		count.found.Inc()
		return
	}
	switch method {
	case http.MethodGet, http.MethodPut, http.MethodPost, http.MethodPatch, http.MethodDelete, http.MethodOptions:
	default:
		method = "other"
	}
	m.requests.WithLabelValues(count.template, method, strconv.Itoa(status)).Inc()
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
