package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/callflowd/callflowd/pkg/bench"
	"github.com/callflowd/callflowd/pkg/bench/load"
)

// benchCommands are what `callflowd bench` can do; load is the default.
type benchCommands struct {
	Load     benchLoad      `cmd:"" default:"withargs" help:"Put load on any HTTP server and report rate, latencies and errors (the default)."`
	Compare  bench.Settings `cmd:"" help:"Measure this program beside what it is compared with, and print one table."`
	Scale    bench.Scaling  `cmd:"" help:"Measure how the program grows with the number of accounts."`
	Baseline bench.Baseline `cmd:"" name:"baseline-mux" hidden:"" help:"A bare handler, for compare."`
}

// benchRun is a bench command with its settings. It needs no log and no
// storage of this process.
type benchRun func(ctx context.Context, stdout io.Writer) error

// run returns the command that kong named, such as "load <url>".
func (c *benchCommands) run(named string) benchRun {
	switch name, _, _ := strings.Cut(named, " "); name {
	case "compare":
		return func(ctx context.Context, stdout io.Writer) error { return bench.Compare(ctx, c.Compare, stdout) }
	case "scale":
		return func(ctx context.Context, stdout io.Writer) error { return bench.Scale(ctx, c.Scale, stdout) }
	case "baseline-mux":
		return c.Baseline.Serve
	}
	return c.Load.run
}

// benchLoad are the settings of `callflowd bench load`.
type benchLoad struct {
	URL    string   `arg:"" help:"Where requests go. Path, query and body may hold placeholders: ${placeholders}"`
	Method string   `short:"X" help:"GET by default, POST with a body."`
	Header []string `short:"H" sep:"none" placeholder:"NAME: VALUE" help:"A header; may be repeated."`
	Body   string   `short:"d" help:"The body, or @FILE. It is sent as JSON unless a header says otherwise."`
	List   string   `placeholder:"FILE" help:"Lines for {{line}}."`
	Token  string   `help:"Sent as X-Auth-Token."`

	Connections int           `short:"c" default:"16" help:"Connections, each with one request at a time."`
	Rate        float64       `default:"0" help:"Requests that are due in a second, whatever the server does (an open loop); 0 sends the next request when the answer is there (a closed loop)."`
	Warmup      time.Duration `default:"2s" help:"Time before the measurement."`
	Duration    time.Duration `default:"10s" help:"Time of the measurement."`
	Timeout     time.Duration `default:"10s" help:"How long an answer may take."`
}

var errNothingGood = errors.New("no request had a good answer")

// run measures and prints. It fails if no request had a good answer.
func (b *benchLoad) run(ctx context.Context, stdout io.Writer) error {
	plan, err := b.plan()
	if err != nil {
		return err
	}
	loop := "closed loop"
	if b.Rate > 0 {
		loop = fmt.Sprintf("%g requests due in a second", b.Rate)
	}
	fmt.Fprintf(stdout, "%d connections, %s, %s after %s of warm-up\n", b.Connections, loop, b.Duration, b.Warmup)
	result, err := load.Run(ctx, plan)
	if err != nil && result.Latencies.Count() == 0 {
		return err
	}
	if err := result.Print(stdout); err != nil {
		return err
	}
	if result.Latencies.Count() == 0 {
		return errNothingGood
	}
	return nil
}

func (b *benchLoad) plan() (load.Plan, error) {
	request, err := b.request()
	if err != nil {
		return load.Plan{}, err
	}
	plan, err := load.Aim(b.URL, request)
	if err != nil {
		return load.Plan{}, err
	}
	plan.Connections, plan.Rate, plan.Timeout = b.Connections, b.Rate, b.Timeout
	plan.Warmup, plan.Duration = b.Warmup, b.Duration
	return plan, nil
}

func (b *benchLoad) request() (load.Request, error) {
	r := load.Request{Method: b.Method, Header: http.Header{}, Body: b.Body}
	for _, line := range b.Header {
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return r, fmt.Errorf("--header: %q is not of the form name: value", line)
		}
		r.Header.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	if b.Token != "" {
		r.Header.Set("X-Auth-Token", b.Token)
	}
	if file, ok := strings.CutPrefix(b.Body, "@"); ok {
		raw, err := os.ReadFile(file)
		if err != nil {
			return r, fmt.Errorf("--body: %w", err)
		}
		r.Body = string(raw)
	}
	if r.Body != "" && r.Header.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if b.List == "" {
		return r, nil
	}
	raw, err := os.ReadFile(b.List)
	if err != nil {
		return r, fmt.Errorf("--list: %w", err)
	}
	r.Lines = strings.Fields(string(raw))
	return r, nil
}
