package bench

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// What a run has measured before it is ended is printed.
func TestReportOfAnEndedRun(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var out bytes.Buffer
	b := &bench{out: &out}
	rows := b.measure(ctx, []section{
		{"first", func(context.Context) ([]Row, error) {
			cancel()
			return []Row{{What: "a figure", Figure: duration(time.Second)}}, nil
		}},
		{"second", func(context.Context) ([]Row, error) {
			t.Error("it goes on")
			return nil, nil
		}},
	})
	if err := b.report(ctx, rows); !errors.Is(err, context.Canceled) {
		t.Errorf("ended by %v", err)
	}
	if !strings.Contains(out.String(), "a figure") {
		t.Errorf("printed:\n%s", &out)
	}
}
