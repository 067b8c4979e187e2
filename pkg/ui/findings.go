package ui

import (
	"context"
	"sync"
	"time"

	"github.com/callflowd/callflowd/pkg/lru"
	"github.com/callflowd/callflowd/pkg/route/analysis"
)

// findings keeps the latest analysis of each account, since one of many
// patterns takes a while and lists of callflows show its findings.
type findings struct {
	run     func(ctx context.Context, accountID string) (analysis.Report, error)
	mu      sync.Mutex
	reports *lru.Map[string, *report]
}

// report is an analysis of an account as it was at a version of its list.
type report struct {
	version string
	before  *report // the one before it that is done; nil if there is none
	done    chan struct{}
	analysis.Report
	about map[string][]*analysis.Finding // the findings by callflow
	err   error
}

const (
	reportsKept   = 50
	analysisLimit = 5 * time.Minute
)

func newFindings(run func(context.Context, string) (analysis.Report, error)) *findings {
	return &findings{run: run, reports: lru.New[string, *report](reportsKept)}
}

// of returns the analysis of an account at a version, begun if there is none.
// It reports false if that is not done within patience.
func (f *findings) of(ctx context.Context, accountID, version string, patience time.Duration) (*report, bool, error) {
	r := f.begin(ctx, accountID, version)
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-r.done:
		return r, true, r.err
	case <-late.C:
		return nil, false, nil
	case <-ctx.Done():
		return nil, false, ctx.Err()
	}
}

// latest returns the analysis of an account at a version. If that is not done
// within patience, it is the one before, or an empty one, and not current.
func (f *findings) latest(ctx context.Context, accountID, version string, patience time.Duration) (r *report, current bool) {
	r, done, err := f.of(ctx, accountID, version, patience)
	if done && err == nil {
		return r, true
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if r, ok := f.reports.Get(accountID); ok && r.before != nil {
		return r.before, false
	}
	return &report{}, false
}

func (f *findings) begin(ctx context.Context, accountID, version string) *report {
	f.mu.Lock()
	defer f.mu.Unlock()
	old, ok := f.reports.Get(accountID)
	if ok && old.version == version && !old.failed() {
		return old
	}
	r := &report{version: version, done: make(chan struct{})}
	if ok {
		r.before = old.last()
	}
	f.reports.Put(accountID, r)
	go func() {
		defer close(r.done)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), analysisLimit)
		defer cancel()
		r.Report, r.err = f.run(ctx, accountID)
		r.about = map[string][]*analysis.Finding{}
		for i := range r.Findings {
			one := &r.Findings[i]
			r.about[one.CallflowID] = append(r.about[one.CallflowID], one)
		}
	}()
	return r
}

// last is the report itself if it is done, else the one before; without those
// before that.
func (r *report) last() *report {
	select {
	case <-r.done:
		if r.err == nil {
			return &report{version: r.version, done: r.done, Report: r.Report, about: r.about}
		}
	default:
	}
	return r.before
}

func (r *report) failed() bool {
	select {
	case <-r.done:
		return r.err != nil
	default:
		return false
	}
}
