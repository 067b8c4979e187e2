package transfer

import (
	"archive/tar"
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/problem"
)

// linesName is the file of an archive that has the lines. It comes first.
const linesName = "account.jsonl"

// nameOf is the file of an attachment.
func nameOf(id, name string) string {
	return "attachments/" + url.PathEscape(id) + "/" + url.PathEscape(name)
}

// fileMode is that of an archive's files.
const fileMode = 0o644

// Archive writes a tar archive: account.jsonl, which has the lines of
// [Export], and attachments/ID/NAME for the attachments that they name. The lines
// wait in a file in dir, "" for the system's directory, since tar needs to know
// how long they are.
func Archive(ctx context.Context, db *couch.DB, o Options, dir string, w io.Writer) error {
	o.attachments = true
	file, err := hidden(dir)
	if err != nil {
		return err
	}
	lines := &Spool{file: file}
	defer lines.Close() //nolint:errcheck // it has been read
	var files []pending
	for raw, err := range Export(ctx, db, o) {
		if err != nil {
			return err
		}
		if _, err := lines.write(append(raw, '\n')); err != nil {
			return err
		}
		var l struct { // of a [Line]; its data need not be read again
			ID          string          `json:"id"`
			Attachments map[string]File `json:"attachments"`
		}
		if err := json.Unmarshal(raw, &l); err != nil {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(l.Attachments)) {
			files = append(files, pending{l.ID, name, l.Attachments[name]})
		}
	}
	out := tar.NewWriter(w)
	if err := out.WriteHeader(&tar.Header{Name: linesName, Size: lines.end, Mode: fileMode, ModTime: o.At.Truncate(time.Second)}); err != nil {
		return err
	}
	if _, err := io.Copy(out, io.NewSectionReader(file, 0, lines.end)); err != nil {
		return err
	}
	for _, f := range files {
		if err := f.write(ctx, db, o, out); err != nil {
			return err
		}
	}
	return out.Close()
}

// pending is an attachment that is to be written to an archive.
type pending struct {
	id, name string
	File
}

// write copies the attachment. If it is no longer what the lines say, the
// archive is broken off.
func (p pending) write(ctx context.Context, db *couch.DB, o Options, out *tar.Writer) error {
	from, err := db.OpenAttachment(ctx, p.id, p.name, 0)
	if err != nil {
		return err
	}
	defer from.Close() //nolint:errcheck // it was read
	if from.Length != p.Length {
		return &problem.Error{Code: problem.Conflict, Msg: fmt.Sprintf("the attachment %s of %s has changed during the export", p.name, p.id)}
	}
	err = out.WriteHeader(&tar.Header{Name: nameOf(p.id, p.name), Size: p.Length, Mode: fileMode, ModTime: o.At.Truncate(time.Second)})
	if err != nil {
		return err
	}
	_, err = io.Copy(out, from)
	return err
}

// readArchive reads a tar archive as [Archive] writes it. What else is in it
// is passed over.
func (s *Spool) readArchive(r *bufio.Reader) error {
	in := tar.NewReader(r)
	for found := false; !s.wrong.full(); {
		h, err := in.Next()
		if errors.Is(err, io.EOF) && found {
			return nil
		}
		if err != nil {
			return noForm(err)
		}
		name := strings.TrimPrefix(h.Name, "./")
		switch {
		case h.Typeflag == tar.TypeDir:
		case name == linesName && !found:
			found, err = true, s.readLines(in)
		case strings.HasPrefix(name, "attachments/"):
			s.files[name], err = s.keepFile(in)
		}
		if err != nil {
			return noForm(err)
		}
	}
	return nil
}

// judgeFiles compares the attachments that lines name with those that came.
func (s *Spool) judgeFiles() {
	for _, e := range s.docs {
		for _, name := range slices.Sorted(maps.Keys(e.files)) {
			path := problem.Join("attachments", name)
			there := s.files[nameOf(e.id, name)]
			switch {
			case there == nil && !s.tar:
				s.wrong.say(e.line, e.id, path, "required", "the document has attachments, which come with the archive that this file is out of")
			case there == nil:
				s.wrong.say(e.line, e.id, path, "required", "the archive has no file "+nameOf(e.id, name))
			case there.length != e.files[name].Length: // the digest may be that of the compressed bytes
				s.wrong.say(e.line, e.id, path, "invalid", fmt.Sprintf("the file %s has %d bytes, not %d", nameOf(e.id, name), there.length, e.files[name].Length))
			}
		}
	}
}
