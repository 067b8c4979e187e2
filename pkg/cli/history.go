package cli

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// version is one entry of a history.
type version struct {
	Revision  string `json:"revision"`
	Action    string `json:"action"`
	At        any    `json:"at"`
	AccountID string `json:"account_id"`
	UserID    string `json:"user_id"`
	ClientIP  string `json:"client_ip"`
}

// history reads the versions of a callflow, newest first.
func (c *client) history(ctx context.Context, path string) ([]version, answer, error) {
	got, err := c.call(ctx, http.MethodGet, path+"/history", nil)
	if err != nil {
		return nil, got, err
	}
	var versions []version
	err = decode(got.Data, &versions)
	return versions, got, err
}

// CallflowsHistory lists versions.
type CallflowsHistory struct{ one }

// Run lists them, newest first.
func (h *CallflowsHistory) Run(ctx context.Context, e *Env) error {
	c, path, err := h.at(ctx, e)
	if err != nil {
		return err
	}
	versions, got, err := c.history(ctx, path)
	if err != nil {
		return err
	}
	return h.emit(e, got.Data, func() error {
		t := newTable("REVISION", "ACTION", "AT", "BY", "FROM")
		for _, v := range versions {
			by := v.AccountID
			if v.UserID != "" {
				by += "/" + v.UserID
			}
			t.add(v.Revision, v.Action, when(v.At), by, v.ClientIP)
		}
		return t.print(e)
	})
}

// when is a time as people read it.
func when(v any) string {
	at, isText := v.(string)
	if !isText {
		return compact(v)
	}
	if parsed, err := time.Parse(time.RFC3339, at); err == nil {
		return parsed.UTC().Format("2006-01-02 15:04:05Z")
	}
	return at
}

// CallflowsDiff compares two versions.
type CallflowsDiff struct {
	one
	From string `arg:"" optional:"" help:"The older revision; by default the one before."`
	To   string `arg:"" optional:"" help:"The newer revision; by default the present one."`
}

// Run compares them.
func (d *CallflowsDiff) Run(ctx context.Context, e *Env) error {
	c, path, err := d.at(ctx, e, "diff")
	if err != nil {
		return err
	}
	got, err := c.call(ctx, http.MethodGet, path+query("from", d.From, "to", d.To), nil)
	if err != nil {
		return err
	}
	var diff struct {
		Changes []change `json:"changes"`
	}
	if err := decode(got.Data, &diff); err != nil {
		return err
	}
	return d.emit(e, got.Data, func() error { return printChanges(e, diff.Changes) })
}

// change is one changed place of a document.
type change struct {
	Path string `json:"path"`
	Op   string `json:"op"`
	From any    `json:"from"`
	To   any    `json:"to"`
}

// printChanges prints a line for each place, and a second one where a value
// was replaced.
func printChanges(e *Env, list []change) error {
	line := func(sign, colour, path string, v any) error {
		text := fmt.Sprintf("%s %s: %s", sign, oneLine(path), compact(v))
		if e.colour() {
			text = colour + text + plain
		}
		_, err := fmt.Fprintln(e.Stdout, text)
		return err
	}
	for _, c := range list {
		if c.Op != "add" {
			if err := line("-", red, c.Path, c.From); err != nil {
				return err
			}
		}
		if c.Op != "remove" {
			if err := line("+", green, c.Path, c.To); err != nil {
				return err
			}
		}
	}
	return nil
}
