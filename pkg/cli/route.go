package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// Route asks where numbers go.
type Route struct {
	Common
	Numbers []string `arg:"" optional:"" help:"Dialled numbers; - reads them from stdin, one a line."`
	File    string   `typed:"" short:"f" placeholder:"FILE" help:"A file with a number on each line."`
	Explain bool     `typed:"" help:"Say how each answer came about."`
	At      string   `typed:"" placeholder:"TIME" help:"Where they went then: 2026-11-20T12:00:00Z."`
}

// routed is an answer about one number.
type routed struct {
	Number     string      `json:"number"`
	Normalized string      `json:"normalized"`
	Match      *routeMatch `json:"match"`
	CallflowID string      `json:"callflow_id"`
	Steps      []struct {
		Step   string `json:"step"`
		Result string `json:"result"`
		Detail string `json:"detail"`
	} `json:"steps,omitempty"`
	Candidates []struct {
		CallflowID string `json:"callflow_id"`
		Pattern    string `json:"pattern"`
		Outcome    string `json:"outcome"`
	} `json:"candidates,omitempty"`
}

type routeMatch struct {
	Kind         string `json:"kind"`
	Key          string `json:"key"`
	CaptureGroup string `json:"capture_group"`
}

// Run asks. It fails where nothing takes one of the numbers.
func (r *Route) Run(ctx context.Context, e *Env) error {
	numbers, err := r.numbers(e)
	if err != nil {
		return err
	}
	c, err := r.connect(e)
	if err != nil {
		return err
	}
	var raw []json.RawMessage
	if r.Explain || r.At != "" {
		raw, err = r.eachAlone(ctx, c, numbers)
	} else {
		raw, err = together(ctx, c, numbers)
	}
	if err != nil {
		return err
	}
	return r.print(e, raw)
}

// numbers are those of the command line, the file and stdin.
func (r *Route) numbers(e *Env) ([]string, error) {
	var out []string
	read := func(file string) error {
		raw, err := readInput(e, file)
		if err != nil {
			return err
		}
		lines := bufio.NewScanner(bytes.NewReader(raw))
		for lines.Scan() {
			if n := strings.TrimSpace(lines.Text()); n != "" && !strings.HasPrefix(n, "# ") {
				out = append(out, n)
			}
		}
		return lines.Err()
	}
	for _, n := range r.Numbers {
		if n != "-" {
			out = append(out, n)
		} else if err := read("-"); err != nil {
			return nil, err
		}
	}
	if r.File != "" {
		if err := read(r.File); err != nil {
			return nil, err
		}
	}
	if len(out) == 0 {
		return nil, &usageError{"no number is given"}
	}
	return out, nil
}

// perQuestion is how many numbers are asked about at once.
const perQuestion = 1000

// together asks about many numbers at once.
func together(ctx context.Context, c *client, numbers []string) ([]json.RawMessage, error) {
	path, err := c.inAccount(ctx, "routes")
	if err != nil {
		return nil, err
	}
	var out []json.RawMessage
	for len(numbers) > 0 {
		n := min(len(numbers), perQuestion)
		got, err := c.call(ctx, http.MethodPost, path, map[string]any{"numbers": numbers[:n]})
		if err != nil {
			return nil, err
		}
		var data struct {
			Routes []json.RawMessage `json:"routes"`
		}
		if err := decode(got.Data, &data); err != nil {
			return nil, err
		}
		out, numbers = append(out, data.Routes...), numbers[n:]
	}
	return out, nil
}

// eachAlone asks about each number: only then the server explains itself. That
// nothing takes a number is an answer too.
func (r *Route) eachAlone(ctx context.Context, c *client, numbers []string) ([]json.RawMessage, error) {
	var out []json.RawMessage
	explain := ""
	if r.Explain {
		explain = "true"
	}
	for _, n := range numbers {
		path, err := c.inAccount(ctx, "routes", n)
		if err != nil {
			return nil, err
		}
		got, err := c.call(ctx, http.MethodGet, path+query("explain", explain, "at", r.At), nil)
		if err != nil && (ExitCode(err) != NotFound || got.Message != "not_found") {
			return nil, err
		}
		data, err := without(got.Data, "callflow", "message")
		if err != nil {
			return nil, err
		}
		out = append(out, data)
	}
	return out, nil
}

// print shows the answers.
func (r *Route) print(e *Env, raw []json.RawMessage) error {
	all, err := json.Marshal(raw)
	if err != nil {
		return err
	}
	var list []routed
	if err := json.Unmarshal(all, &list); err != nil {
		return err
	}
	err = r.emit(e, all, func() error {
		if r.Explain {
			return explain(e, list)
		}
		t := newTable("NUMBER", "NORMALIZED", "CALLFLOW", "KIND", "KEY", "CAPTURED")
		for _, one := range list {
			m := one.Match
			if m == nil {
				m = &routeMatch{Kind: "nothing"}
			}
			t.add(one.Number, one.Normalized, one.CallflowID, m.Kind, m.Key, m.CaptureGroup)
		}
		t.paint = func(column int, cell string) string {
			if column == 3 && cell == "nothing" {
				return red
			}
			return ""
		}
		return t.print(e)
	})
	lost := 0
	for _, one := range list {
		if one.Match == nil {
			lost++
		}
	}
	if err == nil && lost > 0 {
		err = &noRouteError{lost}
	}
	return err
}

// explain tells the steps and the candidates of each answer.
func explain(e *Env, list []routed) error {
	for _, one := range list {
		result := "nothing takes it"
		if one.Match != nil {
			result = "callflow " + one.CallflowID
		}
		if _, err := fmt.Fprintf(e.Stdout, "%s: %s\n", oneLine(one.Number), oneLine(result)); err != nil {
			return err
		}
		t := newTable("  STEP", "RESULT", "DETAIL")
		for _, s := range one.Steps {
			t.add("  "+s.Step, s.Result, s.Detail)
		}
		if err := t.print(e); err != nil {
			return err
		}
		if len(one.Candidates) == 0 {
			continue
		}
		t = newTable("  CALLFLOW", "PATTERN", "OUTCOME")
		for _, c := range one.Candidates {
			t.add("  "+c.CallflowID, c.Pattern, c.Outcome)
		}
		if err := t.print(e); err != nil {
			return err
		}
	}
	return nil
}
