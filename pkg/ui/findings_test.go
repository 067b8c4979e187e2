package ui

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/route/analysis"
)

// TestFindings: an analysis runs once for each version of an account, and one
// that failed runs again.
func TestFindings(t *testing.T) {
	runs, fault := 0, error(nil)
	f := newFindings(func(context.Context, string) (analysis.Report, error) {
		runs++
		return analysis.Report{}, fault
	})
	ask := func(version string, wantRuns int, wantErr error) {
		t.Helper()
		if _, done, err := f.of(t.Context(), "a", version, time.Minute); !done || !errors.Is(err, wantErr) || runs != wantRuns {
			t.Errorf("%s: done %v, %v, %d runs; want %d, %v", version, done, err, runs, wantRuns, wantErr)
		}
	}
	ask("1", 1, nil)
	ask("1", 1, nil)
	ask("2", 2, nil)
	fault = errors.New("away")
	ask("3", 3, fault)
	ask("3", 4, fault)
	fault = nil
	ask("3", 5, nil)
}

// TestFindingsLate: who does not wait gets none, and the analysis goes on.
func TestFindingsLate(t *testing.T) {
	release := make(chan struct{})
	f := newFindings(func(context.Context, string) (analysis.Report, error) {
		<-release
		return analysis.Report{Findings: []analysis.Finding{{Kind: analysis.Overlap}}}, nil
	})
	if _, done, err := f.of(t.Context(), "a", "1", time.Nanosecond); done || err != nil {
		t.Fatalf("done %v, %v", done, err)
	}
	close(release)
	r, done, err := f.of(t.Context(), "a", "1", time.Minute)
	if !done || err != nil || len(r.Findings) != 1 {
		t.Errorf("%v, %v, %v", r, done, err)
	}
}

// TestFindingsBefore: until the analysis of a new version is done, the one
// before it stands in, and says so.
func TestFindingsBefore(t *testing.T) {
	release := make(chan struct{}, 1)
	f := newFindings(func(context.Context, string) (analysis.Report, error) {
		<-release
		return analysis.Report{Findings: []analysis.Finding{{Kind: analysis.Overlap, CallflowID: "x"}}}, nil
	})
	if r, current := f.latest(t.Context(), "a", "1", time.Nanosecond); current || len(r.about) != 0 {
		t.Errorf("%v %v", r, current)
	}
	release <- struct{}{}
	if r, current := f.latest(t.Context(), "a", "1", time.Minute); !current || len(r.about["x"]) != 1 {
		t.Errorf("%v %v", r, current)
	}
	for _, version := range []string{"2", "3"} {
		if r, current := f.latest(t.Context(), "a", version, time.Nanosecond); current || len(r.about["x"]) != 1 || r.before != nil {
			t.Errorf("%s: %v %v", version, r, current)
		}
	}
	release <- struct{}{}
	release <- struct{}{}
	if r, current := f.latest(t.Context(), "a", "3", time.Minute); !current || r.version != "3" {
		t.Errorf("%v %v", r, current)
	}
}
