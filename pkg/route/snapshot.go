package route

import (
	"bufio"
	"context"
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
// of all that as a last line. It is written beside and renamed, so a file is
// whole or not there; one that is neither is ignored.
const (
	snapshotVersion = 1
	snapshotSuffix  = ".routes"
)

type snapshotHeader struct {
	Version int             `json:"version"`
	Account string          `json:"account"`
	Seq     string          `json:"seq"`
	At      time.Time       `json:"at"`
	Plan    json.RawMessage `json:"dial_plan,omitempty"`
}

// snapshot is a file's content. The documents stay in the file.
type snapshot struct {
	path    string
	seq     string
	at      time.Time
	plan    json.RawMessage
	entries []index.Change
	places  map[string]place
}

// place is where a document's line lies in the file.
type place struct{ offset, length int64 }

func (s *Indexes) snapshotPath(account string) string {
	return filepath.Join(s.cfg.Dir, account+snapshotSuffix)
}

// readSnapshot returns an account's snapshot, nil if there is none or it is
// damaged.
func (s *Indexes) readSnapshot(account string) *snapshot {
	if s.cfg.Dir == "" || !couch.IsAccountID(account) {
		return nil
	}
	snap, err := readSnapshot(s.snapshotPath(account), account)
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
	if s.cfg.Dir == "" || !couch.IsAccountID(account) {
		return
	}
	if err := os.Remove(s.snapshotPath(account)); err != nil && !errors.Is(err, os.ErrNotExist) {
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
	snap := &snapshot{path: path, seq: head.Seq, at: head.At, plan: head.Plan, places: map[string]place{}}
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
		if e, ok := index.EntryOf(doc); ok {
			snap.entries = append(snap.entries, index.Change{ID: e.CallflowID, Entry: &e})
			snap.places[e.CallflowID] = place{at, r.offset - at}
		}
	}
}

// lineReader reads lines and sums up what it has read.
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

// fromSnapshot returns a document of the snapshot on disk, nil if it has none.
func (l *live) fromSnapshot(id string) document.Doc {
	l.mu.Lock()
	snap := l.snapshot
	l.mu.Unlock()
	if snap == nil {
		return nil
	}
	p, ok := snap.places[id]
	if !ok {
		return nil
	}
	f, err := os.Open(snap.path)
	if err != nil {
		return nil
	}
	defer f.Close() //nolint:errcheck // it was only read
	line := make([]byte, p.length)
	var doc document.Doc
	if _, err := f.ReadAt(line, p.offset); err != nil || json.Unmarshal(line, &doc) != nil || doc.ID() != id {
		return nil
	}
	return doc
}

// lastSnapshots is how long [Indexes.Close] may take to write snapshots.
const lastSnapshots = 5 * time.Second

// keepSnapshots writes the snapshots of accounts that changed: the first one as
// soon as an account is loaded, the others from time to time and at the end.
func (s *Indexes) keepSnapshots(ctx context.Context) {
	tick := time.NewTicker(max(s.cfg.SnapshotEvery/10, 10*time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.saveSnapshots(ctx, s.cfg.SnapshotEvery)
		case <-s.unsaved:
			s.saveSnapshots(ctx, s.cfg.SnapshotEvery)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastSnapshots)
			defer cancel()
			s.saveSnapshots(last, 0)
			return
		}
	}
}

// saveSnapshots writes the snapshots that are behind and older than age.
func (s *Indexes) saveSnapshots(ctx context.Context, age time.Duration) {
	for _, l := range s.loaded() {
		l.mu.Lock()
		due := l.behind && time.Since(l.saved) >= age
		l.mu.Unlock()
		if !due || ctx.Err() != nil {
			continue
		}
		if err := l.save(ctx); err != nil && ctx.Err() == nil {
			s.cfg.Log.Warn("a snapshot of routes cannot be written", zap.String("account_id", l.id), zap.Error(err))
		}
	}
}

// save writes the account's callflows as they are now.
func (l *live) save(ctx context.Context) error {
	l.mu.Lock()
	l.behind, l.saved = false, time.Now()
	l.mu.Unlock()
	err := l.write(ctx)
	if err != nil {
		l.mu.Lock()
		l.behind = true
		l.mu.Unlock()
	}
	return err
}

func (l *live) write(ctx context.Context) error {
	head := snapshotHeader{Version: snapshotVersion, Account: l.id, At: time.Now(), Plan: l.plan.Load().raw}
	var err error
	if head.Seq, err = l.db.UpdateSeq(ctx); err != nil {
		return err
	}
	path := l.owner.snapshotPath(l.id)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // after the rename it is not there
	defer f.Close()           //nolint:errcheck // closed below when it counts
	if err := l.writeTo(ctx, f, head); err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return l.adopt(path)
}

func (l *live) writeTo(ctx context.Context, f io.Writer, head snapshotHeader) error {
	buffered := bufio.NewWriterSize(f, 1<<16)
	sum := sha256.New()
	enc := json.NewEncoder(io.MultiWriter(buffered, sum))
	if err := enc.Encode(head); err != nil {
		return err
	}
	for row, err := range l.db.View(ctx, "callflowd", "routes", couch.Query{IncludeDocs: true}) {
		if err != nil {
			return err
		}
		doc, err := row.Document()
		if err != nil || doc == nil {
			continue
		}
		if err := enc.Encode(doc); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintf(buffered, "%x\n", sum.Sum(nil)); err != nil {
		return err
	}
	return buffered.Flush()
}

// adopt makes the file just written the one documents are read from.
func (l *live) adopt(path string) error {
	snap, err := readSnapshot(path, l.id)
	if err != nil {
		return err
	}
	snap.entries = nil
	l.mu.Lock()
	l.snapshot = snap
	l.mu.Unlock()
	return nil
}
