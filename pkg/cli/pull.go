package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/callflowd/callflowd/pkg/document"
)

// Run writes a file for each callflow. One that says the same already stays as
// it is; of the others comments and the order of members stay.
func (p *Pull) Run(ctx context.Context, e *Env) error {
	const mode, dirMode = 0o644, 0o755
	if err := os.MkdirAll(p.Dir, dirMode); err != nil {
		return err
	}
	files, err := readFolder(p.Dir)
	if err != nil {
		return err
	}
	c, err := p.connect(e)
	if err != nil {
		return err
	}
	stands, err := c.stands(ctx)
	if err != nil {
		return err
	}
	same := c.same(ctx, files, stands)
	n := map[string]int{}
	for _, id := range slices.Sorted(maps.Keys(stands)) {
		old, known := files[id]
		if same[id] {
			n["unchanged"]++
			continue
		}
		path := old.path
		if !known {
			path = fileOf(p.Dir, id)
		}
		text, err := written(id, stands[id].Data, old.text)
		if err != nil {
			return err
		}
		if err := os.WriteFile(path, text, mode); err != nil {
			return err
		}
		n["written"]++
	}
	for id, file := range files {
		if _, there := stands[id]; there || !p.Prune {
			continue
		}
		if err := os.Remove(file.path); err != nil {
			return err
		}
		n["removed"]++
	}
	raw, err := json.Marshal(n)
	if err != nil {
		return err
	}
	return p.emit(e, raw, func() error {
		_, err := fmt.Fprintf(e.Stdout, "%s\n", counts(n, "written", "unchanged", "removed"))
		return err
	})
}

// same are the callflows whose files say what is stored, or what the server
// would complete to that.
func (c *client) same(ctx context.Context, files folder, stands map[string]record) map[string]bool {
	out := map[string]bool{}
	var items []batchItem
	for _, id := range slices.Sorted(maps.Keys(files)) {
		there, known := stands[id]
		switch {
		case known && document.Equal(files[id].data, there.Data):
			out[id] = true
		case known:
			items = append(items, batchItem{Op: "replace", ID: id, Data: files[id].data})
		}
	}
	for len(items) > 0 {
		part := items[:min(len(items), perBatch)]
		items = items[len(part):]
		done, err := c.batch(ctx, part, true, func(int) {})
		if err != nil {
			continue // a file that could not be stored says something else
		}
		for i, d := range done {
			out[part[i].ID] = document.Equal(publicOf(d.Document), stands[part[i].ID].Data)
		}
	}
	return out
}
