package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"

	"github.com/callflowd/callflowd/pkg/document"
)

// Import brings callflows in.
type Import struct {
	Common
	File       string `arg:"" help:"An export, or a dump of CouchDB's _all_docs?include_docs=true; - is stdin."`
	NewIDs     bool   `typed:"" name:"new-ids" help:"Give documents new ids and rewrite what refers to them. The same file gives the same ids again."`
	OnConflict string `typed:"" enum:"fail,skip,replace,merge" default:"fail" help:"What to do with documents that are there and differ: ${enum}."`
	DryRun     bool   `typed:"" help:"Check everything, show the plan and write nothing."`
}

// step is what an import does with one document.
type step struct {
	record
	action string // create, replace, merge, skip, unchanged
}

// Run validates everything, shows the plan and writes. What an interrupted
// import has written is found unchanged by the next one, which goes on.
func (i *Import) Run(ctx context.Context, e *Env) error {
	records, err := i.read(e)
	if err != nil {
		return err
	}
	c, err := i.connect(e)
	if err != nil {
		return err
	}
	if _, err := c.inAccount(ctx); err != nil { // settles which account
		return err
	}
	if i.NewIDs {
		newIDs(c.account, records)
	}
	stands, err := c.stands(ctx, true)
	if err != nil {
		return err
	}
	steps, err := i.plan(records, stands)
	if err != nil {
		return err
	}
	items := itemsOf(steps)
	bar := newProgress(e, "checked", len(items))
	if _, err := c.batch(ctx, items, true, bar.add); err != nil {
		return err
	}
	bar.end()
	if err := i.show(e, steps); err != nil || i.DryRun {
		return err
	}
	return i.write(ctx, e, c, steps, items)
}

func (i *Import) read(e *Env) ([]record, error) {
	in := e.Stdin
	if i.File != "-" {
		file, err := os.Open(i.File)
		if err != nil {
			return nil, &usageError{err.Error()}
		}
		defer file.Close()
		in = file
	}
	records, err := readRecords(in)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, r := range records {
		if seen[r.ID] {
			return nil, &usageError{"the file has the id " + r.ID + " twice"}
		}
		seen[r.ID] = true
	}
	return records, nil
}

// plan decides what to do with each document.
func (i *Import) plan(records []record, stands map[string]record) ([]step, error) {
	var steps []step
	var differ []string
	for _, r := range records {
		there, known := stands[r.ID]
		s := step{r, "create"}
		switch {
		case known && document.Equal(there.Data, r.Data):
			s.action = "unchanged"
		case known && i.OnConflict == "fail":
			differ = append(differ, r.ID)
		case known:
			s.action = i.OnConflict
		}
		steps = append(steps, s)
	}
	if len(differ) > 0 {
		const most = 10
		shown := fmt.Sprint(differ[:min(most, len(differ))])
		return nil, &failure{status: http.StatusConflict, message: fmt.Sprintf(
			"%d documents are there already and differ, such as %s: choose --on-conflict skip, replace or merge, or --new-ids", len(differ), shown)}
	}
	return steps, nil
}

// itemsOf are the steps about callflows that change something.
func itemsOf(steps []step) []batchItem {
	ops := map[string]string{"create": "create", "replace": "replace", "merge": "patch"}
	var items []batchItem
	for _, s := range steps {
		if op := ops[s.action]; op != "" && s.Type == "callflow" {
			items = append(items, batchItem{Op: op, ID: s.ID, Data: s.Data})
		}
	}
	return items
}

// show tells the plan.
func (i *Import) show(e *Env, steps []step) error {
	n := map[string]int{}
	for _, s := range steps {
		n[s.action]++
	}
	raw, err := json.Marshal(n)
	if err != nil {
		return err
	}
	return i.emit(e, raw, func() error {
		_, err := fmt.Fprintf(e.Stdout, "%d documents: %s\n", len(steps), counts(n, "create", "replace", "merge", "skip", "unchanged"))
		return err
	})
}

// write writes what callflows refer to, and then callflows.
func (i *Import) write(ctx context.Context, e *Env, c *client, steps []step, items []batchItem) error {
	others := slices.DeleteFunc(slices.Clone(steps), func(s step) bool {
		return s.Type == "callflow" || s.action == "skip" || s.action == "unchanged"
	})
	bar := newProgress(e, "written", len(items)+len(others))
	for _, s := range others {
		if err := c.putDocument(ctx, s); err != nil {
			return fmt.Errorf("%s %s: %w", s.Type, s.ID, err)
		}
		bar.add(1)
	}
	done, err := c.batch(ctx, items, false, bar.add)
	if err != nil {
		return fmt.Errorf("%d of %d callflows are written; the same command goes on: %w", len(done), len(items), err)
	}
	bar.end()
	_, err = fmt.Fprintf(e.Stderr, "written: %d callflows, %d other documents\n", len(done), len(others))
	return err
}

// putDocument writes a document of another type by its collection.
func (c *client) putDocument(ctx context.Context, s step) error {
	collection, err := c.inAccount(ctx, collectionOf(s.Type))
	if err != nil {
		return err
	}
	data := map[string]any{"id": s.ID}
	for k, v := range s.Data {
		data[k] = v
	}
	method, path := http.MethodPut, collection
	if s.action != "create" {
		method, path = http.MethodPost, collection+"/"+url.PathEscape(s.ID)
	}
	if s.action == "merge" {
		method = http.MethodPatch
	}
	_, err = c.call(ctx, method, path, data)
	return err
}

// collectionOf is the collection of a pvt_type.
func collectionOf(kind string) string {
	switch kind {
	case "media":
		return kind
	case "vmbox", "faxbox":
		return kind + "es"
	case "directory":
		return "directories"
	case "temporal_rule_set":
		return "temporal_rules_sets"
	}
	return kind + "s"
}
