package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// Analyse shows what is wrong with patterns.
type Analyse struct {
	Common
	Severity string `typed:"" enum:"info,warning,error" default:"info" help:"Show findings from this severity on: ${enum}."`
}

// Run shows it.
func (a *Analyse) Run(ctx context.Context, e *Env) error {
	c, err := a.connect(e)
	if err != nil {
		return err
	}
	path, err := c.inAccount(ctx, "route_analysis")
	if err != nil {
		return err
	}
	got, err := c.call(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	var report struct {
		Findings []struct {
			Kind       string `json:"kind"`
			Severity   string `json:"severity"`
			CallflowID string `json:"callflow_id"`
			Pattern    string `json:"pattern"`
			Witness    string `json:"witness"`
			Message    string `json:"message"`
		} `json:"findings"`
		NotAnalysed []struct {
			CallflowID string `json:"callflow_id"`
			Pattern    string `json:"pattern"`
			Reason     string `json:"reason"`
		} `json:"not_analysed"`
	}
	if err := decode(got.Data, &report); err != nil {
		return err
	}
	return a.emit(e, got.Data, func() error {
		t := newTable("SEVERITY", "KIND", "CALLFLOW", "PATTERN", "WITNESS", "MESSAGE")
		t.paint = severityColour
		for _, f := range report.Findings {
			if severityRank(f.Severity) >= severityRank(a.Severity) {
				t.add(f.Severity, f.Kind, f.CallflowID, f.Pattern, f.Witness, f.Message)
			}
		}
		for _, n := range report.NotAnalysed {
			t.add("warning", "not_analysed", n.CallflowID, n.Pattern, "", n.Reason)
		}
		return t.print(e)
	})
}

func severityRank(s string) int { return strings.Index("info warning error", s) }

// Conflicts shows what replication left undecided.
type Conflicts struct{ Common }

// Run shows it.
func (o *Conflicts) Run(ctx context.Context, e *Env) error {
	c, err := o.connect(e)
	if err != nil {
		return err
	}
	path, err := c.inAccount(ctx, "conflicts")
	if err != nil {
		return err
	}
	got, err := c.call(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	var found struct {
		Documents []struct {
			ID        string   `json:"id"`
			Type      string   `json:"type"`
			Winner    string   `json:"winner"`
			Losers    []string `json:"losers"`
			Mergeable bool     `json:"mergeable"`
		} `json:"documents"`
		Numbers []struct {
			Number      string   `json:"number"`
			CallflowIDs []string `json:"callflow_ids"`
		} `json:"numbers"`
		Patterns []struct {
			Pattern     string   `json:"pattern"`
			CallflowIDs []string `json:"callflow_ids"`
		} `json:"patterns"`
	}
	if err := decode(got.Data, &found); err != nil {
		return err
	}
	return o.emit(e, got.Data, func() error {
		t := newTable("KIND", "WHAT", "WHERE", "NOTE")
		for _, d := range found.Documents {
			note := "choose a revision"
			if d.Mergeable {
				note = "can be merged"
			}
			t.add("document", d.Type+" "+d.ID, strings.Join(append([]string{d.Winner}, d.Losers...), " "), note)
		}
		for _, n := range found.Numbers {
			t.add("number", n.Number, strings.Join(n.CallflowIDs, " "), "booked more than once")
		}
		for _, p := range found.Patterns {
			t.add("pattern", p.Pattern, strings.Join(p.CallflowIDs, " "), "booked more than once")
		}
		return t.print(e)
	})
}

// Watch shows changes as they happen.
type Watch struct {
	Common
	Since string `typed:"" default:"now" placeholder:"SEQ" help:"From where on: a sequence, 0 for the beginning, or ${default}."`
	Limit int    `typed:"" placeholder:"N" help:"Stop after so many changes."`
}

// changed is a change of a document.
type changed struct {
	Seq      string `json:"seq"`
	ID       string `json:"id"`
	Type     string `json:"type"`
	Revision string `json:"revision"`
	Deleted  bool   `json:"deleted"`
}

// Run shows them until it is stopped. In JSON it is one object a line, in YAML
// one document a change.
func (w *Watch) Run(ctx context.Context, e *Env) error {
	c, err := w.connect(e)
	if err != nil {
		return err
	}
	path, err := c.inAccount(ctx, "changes")
	if err != nil {
		return err
	}
	since, shown := w.Since, 0
	if since == "0" {
		since = ""
	}
	for {
		got, err := c.call(ctx, http.MethodGet, path+query("feed", "longpoll", "since", since), nil)
		if ctx.Err() != nil {
			return nil // it was stopped
		}
		if err != nil {
			return err
		}
		var list []json.RawMessage
		if err := decode(got.Data, &list); err != nil {
			return err
		}
		for _, raw := range list {
			if err := w.show(e, raw); err != nil {
				return err
			}
			if shown++; shown == w.Limit {
				return nil
			}
		}
		since = got.LastSeq
	}
}

func (w *Watch) show(e *Env, raw json.RawMessage) error {
	if w.Output == "json" {
		_, err := fmt.Fprintf(e.Stdout, "%s\n", raw)
		return err
	}
	if w.Output == "yaml" {
		if _, err := fmt.Fprintln(e.Stdout, "---"); err != nil {
			return err
		}
		return printYAML(e.Stdout, raw)
	}
	var c changed
	if err := decode(raw, &c); err != nil {
		return err
	}
	what := "changed"
	if c.Deleted {
		what = "deleted"
	}
	_, err := fmt.Fprintf(e.Stdout, "%s  %s %s  %s\n", what, oneLine(c.Type), oneLine(c.ID), c.Revision)
	return err
}
