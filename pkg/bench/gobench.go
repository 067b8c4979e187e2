package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// goRow is a row that a Go benchmark measures.
type goRow struct {
	what      string
	pkg       string
	benchmark string // its whole name, as go test prints it without the number of processors
	bar       time.Duration
}

func goRows() []goRow {
	return []goRow{
		{"lookup in process, exact number, 1,000,000 numbers", "./pkg/route/index", "BenchmarkNumbers/1000000", 200 * time.Nanosecond},
		{"lookup in process, 10,000 patterns, 3 to 15 digits dialled", "./pkg/route/index", "BenchmarkPatterns/index/10000", 500 * time.Nanosecond},
	}
}

// goBenchmarks runs the Go benchmarks of the source tree, if this is one.
func (b *bench) goBenchmarks(ctx context.Context) ([]Row, error) {
	var rows []Row
	for _, g := range goRows() {
		row := Row{What: g.what, Bar: atMost(g.bar.Seconds())}
		if why := b.noSource(); why != "" {
			row.Left, row.Figure = why, duration(0)
			rows = append(rows, row)
			continue
		}
		nanoseconds, err := b.goBenchmark(ctx, g)
		if err != nil {
			return rows, err
		}
		row.Figure = duration(time.Duration(nanoseconds))
		row.Note = g.benchmark
		rows = append(rows, row)
	}
	return rows, nil
}

// noSource says why there is nothing to run, or nothing if there is.
func (b *bench) noSource() string {
	if b.Source == "" {
		return "--source names no source"
	}
	raw, err := os.ReadFile(filepath.Join(b.Source, "go.mod"))
	if err != nil || !strings.HasPrefix(string(raw), "module github.com/callflowd/callflowd\n") {
		return "--source: " + b.Source + " is not the source of callflowd"
	}
	if _, err := exec.LookPath("go"); err != nil {
		return "there is no go command"
	}
	return ""
}

// goBenchmark returns the median of three runs, in nanoseconds.
func (b *bench) goBenchmark(ctx context.Context, g goRow) (float64, error) {
	cmd := exec.CommandContext(ctx, "go", "test", "-run=^$", "-bench="+benchPattern(g.benchmark), "-benchtime="+b.BenchTime, "-count=3", g.pkg)
	cmd.Dir = b.Source
	out, err := cmd.CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("%s: %w: %.300s", g.benchmark, err, out)
	}
	found := parseGoBench(out)[g.benchmark]
	if len(found) == 0 {
		return 0, errors.New(g.pkg + " has no " + g.benchmark)
	}
	return median(found, itself), nil
}

// benchPattern is the -bench argument that runs one benchmark alone.
func benchPattern(name string) string {
	parts := strings.Split(name, "/")
	for i, part := range parts {
		parts[i] = "^" + part + "$"
	}
	return strings.Join(parts, "/")
}

// parseGoBench returns the nanoseconds per operation of each benchmark in the
// output of go test.
func parseGoBench(out []byte) map[string][]float64 {
	found := map[string][]float64{}
	lines := bufio.NewScanner(bytes.NewReader(out))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") || fields[3] != "ns/op" {
			continue
		}
		name := fields[0]
		if at := strings.LastIndexByte(name, '-'); at > 0 {
			if _, err := strconv.Atoi(name[at+1:]); err == nil {
				name = name[:at]
			}
		}
		if n, err := strconv.ParseFloat(fields[2], 64); err == nil {
			found[name] = append(found[name], n)
		}
	}
	return found
}
