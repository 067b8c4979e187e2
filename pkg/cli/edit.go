package cli

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
)

// CallflowsEdit edits a callflow.
type CallflowsEdit struct{ one }

// Run opens the callflow in the editor until it is valid and saved, or nobody
// wants to go on. What others saved meanwhile is merged; where both changed
// the same place, the editor opens again with the server's answer on top.
func (c *CallflowsEdit) Run(ctx context.Context, e *Env) error {
	conn, path, err := c.at(ctx, e)
	if err != nil {
		return err
	}
	all, err := conn.inAccount(ctx, "callflows")
	if err != nil {
		return err
	}
	stored, err := conn.stored(ctx, path)
	if err != nil {
		return err
	}
	before, err := toYAML(stored.Data)
	if err != nil {
		return err
	}
	editor := &editing{env: e, answers: bufio.NewReader(e.Stdin), conn: conn, all: all, path: path, id: c.ID, base: stored.Revision}
	got, err := editor.untilSaved(ctx, before)
	if err != nil || got == nil {
		return err
	}
	return c.saved(e, *got)
}

// stored reads a callflow without what the server adds to it for readers.
func (c *client) stored(ctx context.Context, path string) (answer, error) {
	got, err := c.call(ctx, http.MethodGet, path, nil)
	if err != nil {
		return got, err
	}
	got.Data, err = without(got.Data, "metadata", "_read_only")
	return got, err
}

// editing is one callflow in the editor.
type editing struct {
	env       *Env
	answers   *bufio.Reader
	conn      *client
	all, path string
	id        string
	base      string // the revision that the text was made from
}

// untilSaved edits and saves. It returns nil where the text was left as it was.
func (d *editing) untilSaved(ctx context.Context, before []byte) (*answer, error) {
	for current := before; ; {
		edited, err := edit(ctx, d.env, current)
		if err != nil {
			return nil, err
		}
		edited = withoutNotes(edited)
		if bytes.Equal(edited, before) {
			_, err := fmt.Fprintln(d.env.Stdout, "nothing was changed")
			return nil, err
		}
		got, err := d.save(ctx, edited)
		if err == nil {
			return &got, nil
		}
		if code := ExitCode(err); code != Refused && code != Usage && code != Conflict {
			return nil, d.keep(edited, err)
		}
		fmt.Fprintln(d.env.Stderr, err)
		if !d.again() {
			return nil, d.keep(edited, err)
		}
		current = append(notes(err), edited...)
		if ExitCode(err) == Conflict {
			if d.base, err = d.newest(ctx); err != nil {
				return nil, d.keep(edited, err)
			}
		}
	}
}

// save checks the text and saves it.
func (d *editing) save(ctx context.Context, edited []byte) (answer, error) {
	doc, err := fromText(edited)
	if err != nil {
		return answer{}, err
	}
	doc["id"] = d.id
	if err := d.conn.check(ctx, d.all, doc); err != nil {
		return answer{}, err
	}
	return d.conn.callWith(ctx, http.MethodPost, d.path, doc, map[string]any{"revision": d.base})
}

// newest is the stored revision. Whoever has read what conflicts and edited
// again means to replace it.
func (d *editing) newest(ctx context.Context) (string, error) {
	got, err := d.conn.call(ctx, http.MethodGet, d.path, nil)
	return got.Revision, err
}

// again asks whether to go on. Without an answer it does not.
func (d *editing) again() bool {
	fmt.Fprint(d.env.Stderr, "edit again? [y/N] ")
	line, _ := d.answers.ReadString('\n') // no answer is a no
	return strings.HasPrefix(strings.ToLower(strings.TrimSpace(line)), "y")
}

// keep leaves the text in a file, so that the work is not lost.
func (d *editing) keep(edited []byte, why error) error {
	file, err := os.CreateTemp("", "callflow-*.yaml")
	if err == nil {
		_, err = file.Write(edited)
		err = errors.Join(err, file.Close())
	}
	if err == nil {
		fmt.Fprintln(d.env.Stderr, "your text is in", file.Name())
	}
	return why
}

// edit lets the editor change text, in a file of its own.
func edit(ctx context.Context, e *Env, text []byte) ([]byte, error) {
	file, err := os.CreateTemp("", "callflow-*.yaml")
	if err != nil {
		return nil, err
	}
	defer os.Remove(file.Name())
	_, err = file.Write(text)
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, err
	}
	editor := cmp.Or(e.Getenv("VISUAL"), e.Getenv("EDITOR"), "vi")
	cmd := exec.CommandContext(ctx, "sh", "-c", editor+` "$1"`, "sh", file.Name()) // an editor may have arguments
	cmd.Stdin, cmd.Stdout, cmd.Stderr = e.Stdin, e.Stdout, e.Stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("the editor %s: %w", editor, err)
	}
	return os.ReadFile(file.Name())
}

const noteMark = "#! "

// notes are an error as lines that [withoutNotes] takes out again.
func notes(err error) []byte {
	var b bytes.Buffer
	for line := range strings.Lines(err.Error()) {
		b.WriteString(noteMark + strings.TrimRight(line, "\n") + "\n")
	}
	return b.Bytes()
}

func withoutNotes(text []byte) []byte {
	var b bytes.Buffer
	for line := range bytes.Lines(text) {
		if !bytes.HasPrefix(line, []byte(noteMark)) {
			b.Write(line)
		}
	}
	return b.Bytes()
}
