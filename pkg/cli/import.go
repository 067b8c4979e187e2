package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
)

// Import brings documents in.
type Import struct {
	Common
	File       string `arg:"" help:"An export, as JSON Lines or tar, or a dump of CouchDB's _all_docs?include_docs=true; - is stdin."`
	NewIDs     bool   `typed:"" name:"new-ids" help:"Give documents new ids and rewrite what refers to them. The same file gives the same ids again."`
	OnConflict string `typed:"" enum:"fail,skip,replace,merge" default:"fail" help:"What to do with documents that are there and differ: ${enum}."`
	DryRun     bool   `typed:"" help:"Check everything, show the plan and write nothing."`
}

// imported is what an import does, or has done.
type imported struct {
	Documents   int `json:"documents"`
	Create      int `json:"create"`
	Replace     int `json:"replace"`
	Merge       int `json:"merge"`
	Skip        int `json:"skip"`
	Unchanged   int `json:"unchanged"`
	Versions    int `json:"versions"`
	Attachments int `json:"attachments"`
}

// Run has everything checked and, when it has shown the plan, written. What an
// interrupted import has written is found unchanged by the next one, which goes
// on.
func (i *Import) Run(ctx context.Context, e *Env) error {
	file, err := i.open(e)
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // it was read
	c, err := i.connect(e)
	if err != nil {
		return err
	}
	path, err := c.inAccount(ctx, "import")
	if err != nil {
		return err
	}
	path += query("on_conflict", i.OnConflict, "new_ids", on(i.NewIDs), "dry_run", on(i.DryRun))
	done, err := c.bring(ctx, path, file, func(raw json.RawMessage, plan imported) error {
		return i.emit(e, raw, func() error { return plan.show(e) })
	})
	if err != nil || i.DryRun {
		return err
	}
	_, err = fmt.Fprintf(e.Stderr, "written: %d documents, %d older versions, %d attachments\n", done.Create+done.Replace+done.Merge, done.Versions, done.Attachments)
	return err
}

// show tells the plan.
func (p *imported) show(e *Env) error {
	n := map[string]int{"create": p.Create, "replace": p.Replace, "merge": p.Merge, "skip": p.Skip, "unchanged": p.Unchanged}
	_, err := fmt.Fprintf(e.Stdout, "%d documents: %s\n", p.Documents, counts(n, "create", "replace", "merge", "skip", "unchanged"))
	return err
}

// open opens the file, or copies stdin to one: where the login has expired, it
// is read a second time.
func (i *Import) open(e *Env) (*os.File, error) {
	if i.File != "-" {
		file, err := os.Open(i.File)
		if err != nil {
			return nil, &usageError{err.Error()}
		}
		return file, nil
	}
	file, err := os.CreateTemp("", "callflowd-import-*.tmp")
	if err != nil {
		return nil, err
	}
	_ = os.Remove(file.Name()) // where a file that is open can be removed
	if _, err := io.Copy(file, e.Stdin); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// on is a flag in a query.
func on(set bool) string {
	if set {
		return "true"
	}
	return ""
}

// bring has a file imported, tells how far the import is, and shows the plan.
func (c *client) bring(ctx context.Context, path string, file *os.File, show func(json.RawMessage, imported) error) (imported, error) {
	body, err := c.stream(ctx, asLines, func() (*http.Request, error) { return c.fileRequest(ctx, path, file) })
	if err != nil {
		return imported{}, err
	}
	defer body.Close() //nolint:errcheck // it was read
	return c.follow(body, show)
}

// fileRequest asks for an import of a file from its beginning.
func (c *client) fileRequest(ctx context.Context, path string, file *os.File) (*http.Request, error) {
	length, err := file.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.settings.Server+path, io.NopCloser(file))
	if err != nil {
		return nil, err
	}
	if req.ContentLength = length; length == 0 {
		req.Body = http.NoBody
	}
	req.Header.Set("Content-Type", "application/octet-stream") // the server looks at what it is
	return req, nil
}

// told is a line of an import's answer.
type told struct {
	Checked int             `json:"checked"`
	Written int             `json:"written"`
	Of      int             `json:"of"`
	Plan    json.RawMessage `json:"plan"`
	Result  json.RawMessage `json:"result"`
	Error   *struct {
		Status  int            `json:"status"`
		Message string         `json:"message"`
		Data    map[string]any `json:"data"`
	} `json:"error"`
}

// follow reads how far an import is, and what came of it. A dry run has a result
// and no plan: they are the same.
func (c *client) follow(body io.Reader, show func(json.RawMessage, imported) error) (out imported, err error) {
	checked, written, planned := Progress(c.env, "checked"), Progress(c.env, "written"), false
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		var line told
		if err := decode(lines.Bytes(), &line); err != nil {
			return out, &failure{status: http.StatusOK, message: "the answer is not callflowd's", err: err}
		}
		raw := line.Plan
		switch {
		case line.Error != nil:
			if c.env.Terminal {
				fmt.Fprintln(c.env.Stderr) // below the bar
			}
			return out, &failure{status: line.Error.Status, message: line.Error.Message, data: line.Error.Data}
		case line.Checked > 0:
			checked(line.Checked, line.Of)
		case line.Written > 0:
			written(line.Written, line.Of)
		case line.Result != nil:
			raw = line.Result
		}
		if raw == nil {
			continue
		}
		if err := decode(raw, &out); err != nil {
			return out, err
		}
		if !planned {
			planned = true
			checked(out.Documents, out.Documents)
			err = show(raw, out)
		}
		if err != nil || line.Result != nil {
			return out, err
		}
	}
	return out, &failure{err: errors.Join(errors.New("the import broke off; the same command goes on"), lines.Err())}
}
