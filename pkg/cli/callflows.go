package cli

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
)

// Callflows are the commands about callflows.
type Callflows struct {
	List    CallflowsList    `cmd:"" help:"List callflows."`
	Get     CallflowsGet     `cmd:"" help:"Print a callflow."`
	Show    CallflowsShow    `cmd:"" help:"Show what a callflow does, as a tree."`
	Put     CallflowsPut     `cmd:"" help:"Create a callflow or replace it, from a file of JSON or YAML."`
	Edit    CallflowsEdit    `cmd:"" help:"Edit a callflow in $$EDITOR."`
	Delete  CallflowsDelete  `cmd:"" help:"Delete a callflow. It can be restored."`
	Restore CallflowsRestore `cmd:"" help:"Go back to an old version, or undelete."`
	History CallflowsHistory `cmd:"" help:"Who changed a callflow, and when."`
	Diff    CallflowsDiff    `cmd:"" help:"What changed between two versions."`
}

// one are the flags and the argument of a command about one callflow.
type one struct {
	Common
	ID string `arg:"" help:"The callflow's id."`
}

// at connects and returns the path of the callflow, or of something below it.
func (o *one) at(ctx context.Context, e *Env, below ...string) (*client, string, error) {
	c, err := o.connect(e)
	if err != nil {
		return nil, "", err
	}
	path, err := c.inAccount(ctx, append([]string{"callflows", o.ID}, below...)...)
	return c, path, err
}

// CallflowsList lists callflows.
type CallflowsList struct {
	Common
	Deleted bool `typed:"" help:"Those that can be restored."`
}

// Run lists them.
func (l *CallflowsList) Run(ctx context.Context, e *Env) error {
	c, err := l.connect(e)
	if err != nil {
		return err
	}
	path, err := c.inAccount(ctx, "callflows")
	if err != nil {
		return err
	}
	q := query("paginate", "false", "ascending", "true")
	if l.Deleted {
		q = query("deleted", "true")
	}
	got, err := c.call(ctx, http.MethodGet, path+q, nil)
	if err != nil {
		return err
	}
	var items []map[string]any
	if err := decode(got.Data, &items); err != nil {
		return err
	}
	return l.emit(e, got.Data, func() error {
		t := newTable("ID", "NAME", "NUMBERS", "PATTERNS")
		for _, i := range items {
			t.add(text(i, "id"), text(i, "name"), text(i, "numbers"), text(i, "patterns"))
		}
		return t.print(e)
	})
}

// CallflowsGet prints a callflow.
type CallflowsGet struct {
	one
	At string `typed:"" placeholder:"TIME" help:"As it was then: 2026-11-20T12:00:00Z."`
}

// Run prints it: as YAML, where nothing else was asked for.
func (g *CallflowsGet) Run(ctx context.Context, e *Env) error {
	c, path, err := g.at(ctx, e)
	if err != nil {
		return err
	}
	got, err := c.call(ctx, http.MethodGet, path+query("at", g.At), nil)
	if err != nil {
		return err
	}
	return g.emit(e, got.Data, func() error { return printYAML(e.Stdout, got.Data) })
}

// CallflowsShow shows a callflow as a tree.
type CallflowsShow struct{ one }

// Run shows it.
func (s *CallflowsShow) Run(ctx context.Context, e *Env) error {
	c, path, err := s.at(ctx, e)
	if err != nil {
		return err
	}
	got, err := c.call(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	return s.emit(e, got.Data, func() error {
		res, err := c.send(ctx, http.MethodGet, path, "text/plain", nil)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return &failure{status: res.StatusCode, message: res.Status}
		}
		_, err = io.Copy(e.Stdout, res.Body)
		return err
	})
}

// CallflowsPut creates or replaces a callflow.
type CallflowsPut struct {
	Common
	File     string `arg:"" help:"The file, or - for stdin."`
	ID       string `typed:"" name:"id" placeholder:"ID" help:"The callflow's id, where the file has none."`
	Revision string `typed:"" placeholder:"REV" help:"The revision that the file was made from: what others saved since is merged."`
	DryRun   bool   `typed:"" help:"Check the callflow and save nothing."`
}

// Run saves it.
func (p *CallflowsPut) Run(ctx context.Context, e *Env) error {
	raw, err := readInput(e, p.File)
	if err != nil {
		return err
	}
	doc, err := fromText(raw)
	if err != nil {
		return err
	}
	if p.ID != "" {
		doc["id"] = p.ID
	}
	c, err := p.connect(e)
	if err != nil {
		return err
	}
	all, err := c.inAccount(ctx, "callflows")
	if err != nil {
		return err
	}
	if p.DryRun {
		if err := c.check(ctx, all, doc); err != nil {
			return err
		}
		_, err := fmt.Fprintln(e.Stdout, "the callflow is valid")
		return err
	}
	got, err := c.put(ctx, all, doc, p.Revision)
	if err != nil {
		return err
	}
	return p.saved(e, got)
}

// saved tells what a save came to. Warnings go to stderr.
func (c *Common) saved(e *Env, got answer) error {
	for _, w := range got.Warnings {
		fmt.Fprintf(e.Stderr, "warning: %s: %s: %s\n", oneLine(w.Path), w.Code, oneLine(w.Message))
	}
	var doc map[string]any
	if err := decode(got.Data, &doc); err != nil {
		return err
	}
	return c.emit(e, got.Data, func() error {
		t := newTable("ID", "NAME", "REVISION")
		t.add(text(doc, "id"), text(doc, "name"), got.Revision)
		return t.print(e)
	})
}

// put replaces a callflow, or creates it where there is none.
func (c *client) put(ctx context.Context, all string, doc map[string]any, revision string) (answer, error) {
	if id, ok := doc["id"].(string); ok && id != "" {
		var members map[string]any
		if revision != "" {
			members = map[string]any{"revision": revision}
		}
		path, err := c.inAccount(ctx, "callflows", id)
		if err != nil {
			return answer{}, err
		}
		got, err := c.callWith(ctx, http.MethodPost, path, doc, members)
		if ExitCode(err) != NotFound || revision != "" {
			return got, err
		}
	}
	return c.call(ctx, http.MethodPut, all, doc)
}

// check lets the server look at a callflow without saving it.
func (c *client) check(ctx context.Context, all string, doc map[string]any) error {
	got, err := c.call(ctx, http.MethodPost, all+"/validate", doc)
	if err != nil {
		return err
	}
	var verdict struct {
		Valid    bool           `json:"valid"`
		Problems map[string]any `json:"problems"`
	}
	if err := decode(got.Data, &verdict); err != nil {
		return err
	}
	if !verdict.Valid {
		return &failure{status: http.StatusBadRequest, message: "validation error", data: verdict.Problems}
	}
	return nil
}

// readInput reads a file, or stdin for "-".
func readInput(e *Env, file string) ([]byte, error) {
	if file == "-" {
		return io.ReadAll(e.Stdin)
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, &usageError{err.Error()}
	}
	return raw, nil
}

// CallflowsDelete deletes a callflow.
type CallflowsDelete struct {
	one
	RefuseIfReferenced bool `typed:"" help:"Refuse where other documents point at it."`
}

// Run deletes it.
func (d *CallflowsDelete) Run(ctx context.Context, e *Env) error {
	c, path, err := d.at(ctx, e)
	if err != nil {
		return err
	}
	q := ""
	if d.RefuseIfReferenced {
		q = query("refuse_if_referenced", "true")
	}
	got, err := c.call(ctx, http.MethodDelete, path+q, nil)
	if err != nil {
		return err
	}
	return d.saved(e, got)
}

// CallflowsRestore goes back to an old version.
type CallflowsRestore struct {
	one
	Revision string `arg:"" optional:"" help:"The version; by default the newest one before the present one."`
}

// Run restores it.
func (r *CallflowsRestore) Run(ctx context.Context, e *Env) error {
	c, path, err := r.at(ctx, e)
	if err != nil {
		return err
	}
	if r.Revision == "" {
		versions, _, err := c.history(ctx, path)
		if err != nil {
			return err
		}
		if len(versions) < 2 {
			return &usageError{"there is no older version"}
		}
		r.Revision = versions[1].Revision
	}
	got, err := c.call(ctx, http.MethodPost, path+"/restore", map[string]any{"revision": r.Revision})
	if err != nil {
		return err
	}
	return r.saved(e, got)
}
