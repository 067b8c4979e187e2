package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/callflowd/callflowd/pkg/document"
)

// Plan compares a folder with an account.
type Plan struct {
	Server
	Output string `short:"o" enum:"table,json,markdown" default:"table" help:"One of ${enum}."`
	Dir    string `arg:"" help:"The folder, a .yaml file for each callflow."`
	Keep   bool   `typed:"" help:"Leave callflows alone that have no file, instead of deleting them."`
}

// Apply makes an account what a folder says.
type Apply struct {
	Plan
	Yes bool `typed:"" short:"y" help:"Do not ask."`
}

// Pull writes an account's callflows into a folder.
type Pull struct {
	Common
	Dir   string `arg:"" help:"The folder."`
	Prune bool   `typed:"" help:"Remove the files of callflows that are gone."`
}

// planned is what is to be done with one callflow.
type planned struct {
	Action  string            `json:"action"` // create, replace, delete
	ID      string            `json:"id"`
	Name    string            `json:"name,omitempty"`
	Changes []document.Change `json:"changes,omitempty"`
	item    batchItem
}

// impactReport is the answer of …/routes/impact.
type impactReport struct {
	Changes []struct {
		From     *string  `json:"from"`
		To       *string  `json:"to"`
		Numbers  []string `json:"numbers"`
		Count    int      `json:"count,omitempty"`
		Patterns []struct {
			Pattern  string   `json:"pattern"`
			Examples []string `json:"examples"`
			Except   []string `json:"except,omitempty"`
		} `json:"patterns,omitempty"`
	} `json:"changes"`
	Undecided []struct {
		Pattern string `json:"pattern,omitempty"`
		Reason  string `json:"reason"`
	} `json:"undecided"`
}

// outlook is a whole plan.
type outlook struct {
	Callflows []planned    `json:"callflows"`
	Routes    impactReport `json:"routes"`
}

// Run shows the plan and does nothing.
func (p *Plan) Run(ctx context.Context, e *Env) error {
	_, found, err := p.look(ctx, e)
	if err != nil {
		return err
	}
	return p.show(e, found)
}

// look makes the plan: the server says what it would store, and which numbers
// that would send elsewhere.
func (p *Plan) look(ctx context.Context, e *Env) (*client, outlook, error) {
	files, err := readFolder(p.Dir)
	if err != nil {
		return nil, outlook{}, err
	}
	c, err := p.connect(e)
	if err != nil {
		return nil, outlook{}, err
	}
	stands, err := c.stands(ctx)
	if err != nil {
		return nil, outlook{}, err
	}
	list := p.changes(files, stands)
	items := make([]batchItem, len(list))
	for i, one := range list {
		items[i] = one.item
	}
	done, err := c.batch(ctx, items, true, func(int) {})
	if err != nil {
		return nil, outlook{}, err
	}
	var out outlook
	var drafts []map[string]any
	for i, one := range list {
		after := publicOf(done[i].Document)
		if one.Action == "delete" {
			after = nil
			drafts = append(drafts, map[string]any{"id": one.ID, "_deleted": true})
		}
		if one.Changes = document.Diff(stands[one.ID].Data, after); len(one.Changes) == 0 {
			continue // the server would complete it to what is there
		}
		if one.Action != "delete" {
			drafts = append(drafts, map[string]any{"id": one.ID, "name": after["name"], "numbers": after["numbers"], "patterns": after["patterns"]})
		}
		out.Callflows = append(out.Callflows, one)
	}
	if len(drafts) > 0 {
		out.Routes, err = c.impact(ctx, drafts)
	}
	return c, out, err
}

// changes are the callflows whose files differ from what is stored.
func (p *Plan) changes(files folder, stands map[string]record) []planned {
	var list []planned
	for _, id := range slices.Sorted(maps.Keys(files)) {
		data := files[id].data
		there, known := stands[id]
		one := planned{Action: "create", ID: id, Name: text(data, "name"), item: batchItem{Op: "create", ID: id, Data: data}}
		if known {
			if document.Equal(there.Data, data) {
				continue
			}
			one.Action, one.item.Op, one.item.IfMatch = "replace", "replace", there.Revision
		}
		list = append(list, one)
	}
	for _, id := range slices.Sorted(maps.Keys(stands)) {
		if _, there := files[id]; !there && !p.Keep {
			list = append(list, planned{Action: "delete", ID: id, Name: text(stands[id].Data, "name"), item: batchItem{Op: "delete", ID: id, IfMatch: stands[id].Revision}})
		}
	}
	return list
}

func (c *client) impact(ctx context.Context, drafts []map[string]any) (impactReport, error) {
	var out impactReport
	path, err := c.inAccount(ctx, "routes", "impact")
	if err != nil {
		return out, err
	}
	got, err := c.call(ctx, http.MethodPost, path, map[string]any{"draft": drafts})
	if err == nil {
		err = decode(got.Data, &out)
	}
	return out, err
}

// show prints a plan.
func (p *Plan) show(e *Env, o outlook) error {
	switch p.Output {
	case "json":
		raw, err := json.Marshal(o)
		if err != nil {
			return err
		}
		return printJSON(e.Stdout, raw)
	case "markdown":
		_, err := io.WriteString(e.Stdout, o.markdown())
		return err
	}
	if len(o.Callflows) == 0 {
		_, err := fmt.Fprintln(e.Stdout, "nothing to change")
		return err
	}
	for _, one := range o.Callflows {
		sign, colour := one.sign()
		line := fmt.Sprintf("%s %s %s  %s", sign, one.Action, oneLine(one.ID), oneLine(one.Name))
		if e.colour() {
			line = colour + line + plain
		}
		if _, err := fmt.Fprintln(e.Stdout, strings.TrimRight(line, " ")); err != nil {
			return err
		}
		if one.Action != "replace" {
			continue
		}
		for _, c := range one.Changes {
			if _, err := fmt.Fprintf(e.Stdout, "    %s\n", changeLine(c)); err != nil {
				return err
			}
		}
	}
	_, err := io.WriteString(e.Stdout, o.routes("  "))
	return err
}

func (p *planned) sign() (sign, colour string) {
	switch p.Action {
	case "create":
		return "+", green
	case "delete":
		return "-", red
	}
	return "~", yellow
}

// changeLine is a changed path on one line.
func changeLine(c document.Change) string {
	switch c.Op {
	case "add":
		return fmt.Sprintf("%s: added %s", oneLine(c.Path), compact(c.To))
	case "remove":
		return fmt.Sprintf("%s: removed %s", oneLine(c.Path), compact(c.From))
	}
	return fmt.Sprintf("%s: %s → %s", oneLine(c.Path), compact(c.From), compact(c.To))
}

// routes words which numbers change destination.
func (o *outlook) routes(indent string) string {
	var b strings.Builder
	name := func(id *string) string {
		if id == nil {
			return "nothing"
		}
		return oneLine(*id)
	}
	if len(o.Routes.Changes) > 0 {
		b.WriteString("numbers that change destination:\n")
	}
	for _, c := range o.Routes.Changes {
		what := slices.Clone(c.Numbers)
		for _, p := range c.Patterns {
			part := cmp.Or(p.Pattern, "numbers such as "+strings.Join(p.Examples, " "))
			if len(p.Except) > 0 {
				part += " but " + strings.Join(p.Except, " ")
			}
			what = append(what, part)
		}
		fmt.Fprintf(&b, "%s%s → %s: %s", indent, name(c.From), name(c.To), strings.Join(what, " "))
		if c.Count > 0 {
			fmt.Fprintf(&b, " (%d numbers)", c.Count)
		}
		b.WriteByte('\n')
	}
	for _, u := range o.Routes.Undecided {
		fmt.Fprintf(&b, "%snot decided: %s %s\n", indent, u.Pattern, u.Reason)
	}
	return b.String()
}

// markdown is a plan for a pull request.
func (o *outlook) markdown() string {
	if len(o.Callflows) == 0 {
		return "Nothing to change.\n"
	}
	var b strings.Builder
	b.WriteString("| | callflow | name | changes |\n|-|-|-|-|\n")
	for _, one := range o.Callflows {
		var parts []string
		if one.Action == "replace" {
			for _, c := range one.Changes {
				parts = append(parts, "`"+strings.ReplaceAll(changeLine(c), "`", "'")+"`")
			}
		}
		cell := func(s string) string { return strings.ReplaceAll(oneLine(s), "|", `\|`) }
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", one.Action, cell(one.ID), cell(one.Name), cell(strings.Join(parts, "<br>")))
	}
	if routes := o.routes("- "); routes != "" {
		b.WriteString("\n" + strings.Replace(routes, ":\n", ":\n\n", 1))
	}
	return b.String()
}

// Run shows the plan, asks, and does it if nothing has changed since.
func (a *Apply) Run(ctx context.Context, e *Env) error {
	c, found, err := a.look(ctx, e)
	if err != nil {
		return err
	}
	if err := a.show(e, found); err != nil || len(found.Callflows) == 0 {
		return err
	}
	if e.Terminal && !a.Yes {
		fmt.Fprint(e.Stderr, "apply this? [y/N] ")
		var answer string
		_, _ = fmt.Fscanln(e.Stdin, &answer) // no answer is a no
		if !strings.HasPrefix(strings.ToLower(answer), "y") {
			return &usageError{"nothing was changed"}
		}
	}
	items := make([]batchItem, len(found.Callflows))
	for i, one := range found.Callflows {
		items[i] = one.item
	}
	done, err := c.batch(ctx, items, false, func(int) {})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.Stderr, "%d callflows are changed\n", len(done))
	return err
}
