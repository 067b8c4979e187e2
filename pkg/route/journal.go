package route

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/callflowd/callflowd/pkg/document"
)

// journal is what an account has on disk: a snapshot and, behind it, a line for
// each change of the index since. A change is in the file before a lookup can
// see it, so that it is still known after the process dies and starts again.
// The files are synced every second.
//
// While a new snapshot is written, changes go to the journals of both.
type journal struct {
	stem string // of the account's files; "" where none are kept

	mu     sync.Mutex
	base   string           // the snapshot on disk; "" if there is none that is whole
	next   string           // the snapshot that is being written; "" if none is
	places map[string]place // where the documents lie, by id
	coming map[string]place // those in the journal of the next snapshot
	size   int64
	ahead  int64 // size of the journal of the next snapshot
	synced bool
}

// place is where a document's line lies.
type place struct {
	file           string
	offset, length int64
}

// Files of an account, after its stem.
const (
	snapshotSuffix = ".routes"
	behindSuffix   = ".behind" // a snapshot that lacks changes the process knew
	journalSuffix  = ".journal"
	nextSuffix     = ".journal.next"
)

// record is one line of a journal, behind its checksum. One member is set.
type record struct {
	Base string          `json:"base,omitempty"` // the first line: the snapshot it continues
	Doc  document.Doc    `json:"doc,omitempty"`
	Gone string          `json:"gone,omitempty"` // the id of a document that contributes nothing
	Plan json.RawMessage `json:"dial_plan,omitempty"`
	Seq  string          `json:"seq,omitempty"` // the index agreed with the database here
	At   time.Time       `json:"at,omitzero"`
}

// line returns a record as it stands in the file.
func (r record) line() ([]byte, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "%08x %s\n", crc32.ChecksumIEEE(text), text), nil
}

// readRecord reads a line without its newline.
func readRecord(line []byte) (r record, err error) {
	if len(line) < 10 || line[8] != ' ' {
		return record{}, errors.New("not a line of a journal")
	}
	sum, err := strconv.ParseUint(string(line[:8]), 16, 32)
	if err != nil || uint32(sum) != crc32.ChecksumIEEE(line[9:]) {
		return record{}, errors.New("the checksum of a line does not fit")
	}
	return r, json.Unmarshal(line[9:], &r)
}

// resume continues the journal that was read from disk.
func (j *journal) resume(s *snapshot) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.places, j.size = s.places, s.size
	if !s.behind {
		j.base = s.id
	}
}

// append writes a change. If that fails, it marks the snapshot as lacking changes
// and returns the error.
func (j *journal) append(r record) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.base == "" && j.next == "" {
		return nil
	}
	line, err := r.line()
	if err == nil && j.base != "" {
		err = j.put(j.stem+journalSuffix, line, &j.size, j.places, r)
	}
	if err == nil && j.next != "" {
		err = j.put(j.stem+nextSuffix, line, &j.ahead, j.coming, r)
	}
	if err != nil {
		return errors.Join(err, j.fail())
	}
	j.synced = false
	return nil
}

// put writes a line at the end of a file and remembers where a document lies.
func (j *journal) put(path string, line []byte, size *int64, places map[string]place, r record) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(line)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	switch {
	case r.Doc != nil:
		places[r.Doc.ID()] = place{j.stem + journalSuffix, *size, int64(len(line))}
	case r.Gone != "":
		delete(places, r.Gone)
	}
	*size += int64(len(line))
	return nil
}

// fail marks the snapshot as one that lacks changes. Nothing is added to it after
// that.
func (j *journal) fail() error {
	old := j.base
	j.base, j.next = "", ""
	if old == "" {
		return nil
	}
	return os.Rename(j.stem+snapshotSuffix, j.stem+behindSuffix)
}

// begin starts the journal of a snapshot about to be written.
func (j *journal) begin(id string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := os.Remove(j.stem + nextSuffix); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	line, err := record{Base: id}.line()
	if err != nil {
		return err
	}
	j.coming, j.ahead = map[string]place{}, 0
	if err := j.put(j.stem+nextSuffix, line, &j.ahead, j.coming, record{}); err != nil {
		return err
	}
	j.next = id
	return nil
}

// finish makes a snapshot that was written to a temporary file the current one.
// It fails if changes were lost meanwhile.
func (j *journal) finish(id, temporary string, places map[string]place) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.next != id {
		return errors.New("changes were lost while it was written")
	}
	j.next = ""
	if err := os.Rename(temporary, j.stem+snapshotSuffix); err != nil {
		return err
	}
	if err := os.Rename(j.stem+nextSuffix, j.stem+journalSuffix); err != nil {
		return errors.Join(err, j.fail())
	}
	for docID, p := range j.coming {
		places[docID] = p
	}
	j.base, j.places, j.coming, j.size = id, places, nil, j.ahead
	return remove(j.stem + behindSuffix)
}

// cancel gives up the snapshot that was being written.
func (j *journal) cancel(id string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.next == id {
		j.next = ""
		_ = remove(j.stem + nextSuffix)
	}
}

// forget removes the files: they belong to a database that is gone.
func (j *journal) forget() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.base, j.next, j.places = "", "", nil
	return removeFiles(j.stem)
}

// sync waits until everything written is on disk.
func (j *journal) sync() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.base == "" || j.synced {
		return nil
	}
	f, err := os.OpenFile(j.stem+journalSuffix, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	j.synced = true
	return errors.Join(f.Sync(), f.Close())
}

// grown is how many bytes were added since the snapshot; false if there is no
// snapshot that is whole.
func (j *journal) grown() (int64, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.size, j.base != ""
}

// documents is how many documents are on disk.
func (j *journal) documents() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.places)
}

// replay applies the journal of a snapshot to it. The journal ends before the
// first line that is not complete: there a process died.
func (s *snapshot) replay(stem string) error {
	for _, suffix := range []string{journalSuffix, nextSuffix} {
		f, err := os.OpenFile(stem+suffix, os.O_RDWR, 0)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		ours, err := s.replayFile(f, stem+journalSuffix)
		err = errors.Join(err, f.Close())
		if err != nil || !ours {
			continue // of another snapshot
		}
		if suffix == nextSuffix { // a process died between two renames
			return os.Rename(stem+nextSuffix, stem+journalSuffix)
		}
		return nil
	}
	line, err := record{Base: s.id}.line()
	if err != nil {
		return err
	}
	s.size = int64(len(line))
	return os.WriteFile(stem+journalSuffix, line, 0o600)
}

func (s *snapshot) replayFile(f *os.File, name string) (ours bool, err error) {
	r := bufio.NewReaderSize(f, 1<<16)
	for at := int64(0); ; {
		line, err := r.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return false, err
		}
		var rec record
		if err == nil {
			rec, err = readRecord(line[:len(line)-1])
		}
		switch {
		case err == nil && at == 0 && rec.Base != s.id, err != nil && at == 0:
			return false, nil
		case err != nil:
			s.size = at
			return true, f.Truncate(at)
		}
		s.take(rec, place{name, at, int64(len(line))})
		at += int64(len(line))
	}
}

func removeFiles(stem string) error {
	var errs []error
	for _, suffix := range []string{snapshotSuffix, behindSuffix, journalSuffix, nextSuffix} {
		errs = append(errs, remove(stem+suffix))
	}
	return errors.Join(errs...)
}

// remove removes a file; a missing one is fine.
func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
