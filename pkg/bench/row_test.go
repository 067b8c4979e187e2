package bench

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestVerdicts(t *testing.T) {
	for _, tt := range []struct {
		row  Row
		want string
	}{
		{Row{Figure: rate(80), Baseline: rate(100), Bar: atLeast(0.8)}, "met"},
		{Row{Figure: rate(79), Baseline: rate(100), Bar: atLeast(0.8)}, "NOT MET"},
		{Row{Figure: duration(13), Baseline: duration(10), Bar: atMost(1.3)}, "met"},
		{Row{Figure: duration(14), Baseline: duration(10), Bar: atMost(1.3)}, "NOT MET"},
		{Row{Figure: duration(5 * time.Millisecond), Bar: atMost(0.005)}, "met"},
		{Row{Figure: duration(6 * time.Millisecond), Bar: atMost(0.005)}, "NOT MET"},
		{Row{Figure: duration(1), Bar: atMost(1), Spoiled: "one failed"}, "NOT MET"},
		{Row{Figure: rate(1)}, "no bar"},
		{Row{Figure: duration(0), Bar: atMost(1), Left: "no server"}, "left out"},
	} {
		if got := tt.row.verdict(); got != tt.want {
			t.Errorf("%+v: %s, want %s", tt.row, got, tt.want)
		}
	}
}

func TestPrint(t *testing.T) {
	rows := []Row{
		{What: "lookup", Figure: rate(24000), Baseline: rate(40000), Bar: atLeast(0.8), Note: "a note"},
		{What: "index, built", Figure: duration(4200 * time.Millisecond), Bar: atMost(5)},
		{What: "memory", Figure: memory(61.25e6), Bar: atMost(60), Spoiled: "too much"},
		{What: "view", Bar: atLeast(40), Left: "no server"},
		{What: "import", Figure: duration(0), Bar: atMost(60), Left: "no import"},
	}
	var b strings.Builder
	if err := Print(&b, rows); err != nil {
		t.Fatal(err)
	}
	const want = `| what         | figure   | beside   | ratio  | bar       |          | note |
|--------------|----------|----------|--------|-----------|----------|------|
| lookup       | 24,000/s | 40,000/s | 0.60 × | ≥ 0.80 ×  | NOT MET  | a note |
| index, built | 4.20 s   |          |        | ≤ 5.00 s  | met      |  |
| memory       | 61.2 MB  |          |        | ≤ 60.0 MB | NOT MET  | too much |
| view         |          |          |        | ≥ 40 ×    | left out | no server |
| import       |          |          |        | ≤ 60.0 s  | left out | no import |

1 of 3 bars met, 2 rows left out
`
	if b.String() != want {
		t.Errorf("got\n%s", &b)
	}
}

func TestOneLine(t *testing.T) {
	if got := oneLine(errors.New("a |\n b")); got != "a / b" {
		t.Errorf("%q", got)
	}
	if got := oneLine(errors.New(strings.Repeat("ä", 500))); len([]rune(got)) != 201 {
		t.Errorf("%d characters", len([]rune(got)))
	}
}

func TestChart(t *testing.T) {
	points := []point{
		{10, []reading{{"start", duration(10 * time.Millisecond)}, {"open", Value{0, "open"}}}},
		{10_000, []reading{{"start", duration(20 * time.Millisecond)}, {"open", Value{0, "open"}}}},
	}
	var b strings.Builder
	if err := printPoints(&b, points); err != nil {
		t.Fatal(err)
	}
	bar := strings.Repeat("█", barWidth/2)
	want := `| accounts | 10      | 10,000 |
|----------|---------|--------|
| start    | 10.0 ms | 20.0 ms |
| open     | 0 open  | 0 open |

start
      10 │` + bar + ` 10.0 ms
  10,000 │` + bar + bar + ` 20.0 ms

open
      10 │ 0 open
  10,000 │ 0 open
`
	if b.String() != want {
		t.Errorf("got\n%s", &b)
	}
}
