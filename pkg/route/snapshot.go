package route

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/route/index"
)

// A snapshot file is a header line, a line for each callflow, and the SHA-256
// of all that as a last line. It is written under another name and then
// renamed, so it is complete; a damaged file is ignored. The journal beside it
// continues it.
const snapshotVersion = 2

// entryOnly marks a line that holds what a callflow contributes and not its
// document, which could not be read when the snapshot was written.
const entryOnly = "callflowd_entry_only"

type snapshotHeader struct {
	Version int             `json:"version"`
	ID      string          `json:"id"`
	Account string          `json:"account"`
	Seq     string          `json:"seq"`
	Life    string          `json:"life,omitempty"` // of the database, see [couch.Follower]
	At      time.Time       `json:"at"`
	Plan    json.RawMessage `json:"dial_plan,omitempty"`
}

// snapshot is the content of an account's files. The documents stay in them.
type snapshot struct {
	id      string
	seq     string
	life    string // of the database that seq is of; "" where it is not known
	at      time.Time
	plan    json.RawMessage
	entries map[string]*index.Entry
	places  map[string]place
	size    int64 // of the journal
	behind  bool  // it lacks changes that the process had
}

// changes returns what the callflows contribute.
func (s *snapshot) changes() []index.Change {
	out := make([]index.Change, 0, len(s.entries))
	for id, e := range s.entries {
		out = append(out, index.Change{ID: id, Entry: e})
	}
	return out
}

// take applies a line of the journal.
func (s *snapshot) take(r record, p place) {
	switch {
	case r.Doc != nil:
		if e, ok := index.EntryOf(r.Doc); ok {
			s.entries[e.CallflowID], s.places[e.CallflowID] = &e, p
		}
	case r.Gone != "":
		delete(s.entries, r.Gone)
		delete(s.places, r.Gone)
	case r.Plan != nil:
		s.plan = r.Plan
	case r.Seq != "":
		s.seq, s.at = r.Seq, r.At
	}
}

// stem is where an account's files lie; "" where none are kept.
func (s *Indexes) stem(account string) string {
	if s.cfg.Dir == "" || !couch.IsAccountID(account) {
		return ""
	}
	return filepath.Join(s.cfg.Dir, account)
}

// readSnapshot returns what an account has on disk, nil if there is nothing or
// it is damaged.
func (s *Indexes) readSnapshot(account string) *snapshot {
	stem := s.stem(account)
	if stem == "" {
		return nil
	}
	snap, err := readSnapshot(stem+snapshotSuffix, account)
	if errors.Is(err, os.ErrNotExist) {
		if snap, err = readSnapshot(stem+behindSuffix, account); err == nil {
			snap.behind = true
		}
	}
	if err == nil {
		err = snap.replay(stem)
	}
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		s.cfg.Log.Warn("ignoring a damaged snapshot of routes", zap.String("account_id", account), zap.Error(err))
		return nil
	}
	return snap
}

func (s *Indexes) removeSnapshot(account string) {
	stem := s.stem(account)
	if stem == "" {
		return
	}
	if err := removeFiles(stem); err != nil {
		s.cfg.Log.Warn("a snapshot of routes cannot be removed", zap.String("account_id", account), zap.Error(err))
	}
}

func readSnapshot(path, account string) (*snapshot, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	r := lineReader{r: bufio.NewReaderSize(f, 1<<16), sum: sha256.New()}
	line, err := r.next()
	if err != nil {
		return nil, err
	}
	var head snapshotHeader
	if err := json.Unmarshal(line, &head); err != nil {
		return nil, err
	}
	if head.Version != snapshotVersion || head.Account != account {
		return nil, fmt.Errorf("version %d of account %q", head.Version, head.Account)
	}
	snap := &snapshot{
		id: head.ID, seq: head.Seq, life: head.Life, at: head.At, plan: head.Plan,
		entries: map[string]*index.Entry{}, places: map[string]place{},
	}
	for {
		at, sum := r.offset, r.digest()
		line, err := r.next()
		if err != nil {
			return nil, err
		}
		if line[0] != '{' {
			if string(line) != sum {
				return nil, errors.New("the checksum does not fit")
			}
			return snap, nil
		}
		var doc document.Doc
		if err := json.Unmarshal(line, &doc); err != nil {
			return nil, err
		}
		snap.take(record{Doc: doc}, place{path, at, r.offset - at})
	}
}

// lineReader reads lines and hashes what it has read.
type lineReader struct {
	r      *bufio.Reader
	sum    hash.Hash
	offset int64
}

func (r *lineReader) digest() string { return hex.EncodeToString(r.sum.Sum(nil)) }

// next returns a line without its newline; a file that ends early is damaged.
func (r *lineReader) next() ([]byte, error) {
	line, err := r.r.ReadBytes('\n')
	if err != nil || len(line) < 2 {
		return nil, errors.Join(io.ErrUnexpectedEOF, err)
	}
	r.sum.Write(line)
	r.offset += int64(len(line))
	return line[:len(line)-1], nil
}

// document returns a document from the files, nil if it is not there.
func (j *journal) document(id string) document.Doc {
	j.mu.Lock()
	p, ok := j.places[id]
	j.mu.Unlock()
	if !ok {
		return nil
	}
	f, err := os.Open(p.file)
	if err != nil {
		return nil
	}
	defer f.Close() //nolint:errcheck // it was only read
	line := make([]byte, p.length)
	if _, err := f.ReadAt(line, p.offset); err != nil {
		return nil
	}
	var doc document.Doc
	if line[0] == '{' {
		err = json.Unmarshal(line, &doc)
	} else {
		var r record
		r, err = readRecord(bytes.TrimSuffix(line, []byte("\n")))
		doc = r.Doc
	}
	if err != nil || doc.ID() != id || doc[entryOnly] == true {
		return nil
	}
	return doc
}
