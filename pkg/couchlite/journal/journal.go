// Package journal remembers, beside the files of databases, what each file
// must hold: how many transactions were acknowledged at least, and whether the
// file needs its write-ahead log. A file that was put back from an older copy,
// or has lost its log, opens in SQLite without an error; the journal shows it.
//
// It is one file of lines, of which a file's last one counts. It is written
// before the first transaction after a file was opened, when a log was merged and
// when a file is removed, but not for each transaction.
package journal

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Record is what a file must hold.
type Record struct {
	Commits int64 // transactions acknowledged, at least
	Logged  bool  // the last ones may be in the log alone
}

// The words of a line: word, file, number of transactions.
const (
	wordLogged = "logged"
	wordMerged = "merged"
	wordGone   = "gone"
)

// Journal is the open journal. It is safe for concurrent use.
type Journal struct {
	path    string
	durable bool

	mu      sync.Mutex
	records map[string]Record
	lines   int // in the file
	file    *os.File
	written int64 // appended lines

	syncing sync.Mutex // held by the one that syncs for others
	synced  int64      // of written; guarded by syncing
}

// Open reads the journal at path. It need not exist: nothing is known then. A
// journal that is not durable never waits for the disk.
func Open(path string, durable bool) (*Journal, error) {
	j := &Journal{path: path, durable: durable, records: map[string]Record{}}
	raw, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("journal: %w", err)
	}
	whole := raw[:bytes.LastIndexByte(raw, '\n')+1] // a crash may cut the last line short
	for line := range bytes.Lines(whole) {
		j.lines++
		j.take(string(line))
	}
	return j, nil
}

// take applies a line; one that cannot be read is ignored.
func (j *Journal) take(line string) {
	fields := strings.Fields(line)
	if len(fields) != 3 {
		return
	}
	commits, err := strconv.ParseInt(fields[2], 10, 64)
	if err != nil {
		return
	}
	switch name := fields[1]; fields[0] {
	case wordLogged, wordMerged:
		j.records[name] = Record{max(commits, j.records[name].Commits), fields[0] == wordLogged}
	case wordGone:
		delete(j.records, name)
	}
}

// Of is what is known of a file; false when nothing is.
func (j *Journal) Of(name string) (Record, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	r, ok := j.records[name]
	return r, ok
}

// Names are the files that something is known of, in order.
func (j *Journal) Names() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Sorted(maps.Keys(j.records))
}

// Logged records that from now on the file needs its log. It has to return
// before the log is written.
func (j *Journal) Logged(name string, commits int64) error {
	return j.append(wordLogged, name, commits, true)
}

// Reached records that so many transactions are in the file, which goes on
// needing its log. It need not be durable: the figure is a lower bound.
func (j *Journal) Reached(name string, commits int64) error {
	return j.append(wordLogged, name, commits, false)
}

// Merged records that the file holds all its transactions and needs no log. It
// has to return before the log is removed.
func (j *Journal) Merged(name string, commits int64) error {
	return j.append(wordMerged, name, commits, true)
}

// Forget drops what is known of a file that is to be removed.
func (j *Journal) Forget(name string) error {
	if _, known := j.Of(name); !known {
		return nil
	}
	return j.append(wordGone, name, 0, true)
}

func (j *Journal) append(word, name string, commits int64, wait bool) error {
	number, err := j.write(fmt.Sprintf("%s %s %d\n", word, name, commits))
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if !wait || !j.durable {
		return nil
	}
	return j.sync(number)
}

// spare is how many lines the journal may have beyond twice those that count.
const spare = 1000

// write appends a line and returns its number.
func (j *Journal) write(line string) (int64, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil || j.lines > 2*len(j.records)+spare {
		if err := j.renew(); err != nil {
			return 0, err
		}
	}
	if n, err := j.file.WriteString(line); err != nil {
		if n > 0 {
			_ = j.close() // so that the next line does not follow half of this one
		}
		return 0, err
	}
	j.lines++
	j.written++
	j.take(line)
	return j.written, nil
}

// renew writes the file anew, with a line for each record, and opens it.
func (j *Journal) renew() error {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(j.records)) {
		word := wordMerged
		if j.records[name].Logged {
			word = wordLogged
		}
		fmt.Fprintf(&text, "%s %s %d\n", word, name, j.records[name].Commits)
	}
	draft := j.path + ".new"
	file, err := os.OpenFile(draft, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err = file.WriteString(text.String()); err == nil && j.durable {
		err = file.Sync()
	}
	if err == nil {
		err = os.Rename(draft, j.path)
	}
	if err == nil && j.durable {
		err = syncDir(filepath.Dir(j.path))
	}
	if err != nil {
		return errors.Join(err, file.Close())
	}
	_ = j.close() // all it holds is in the new one
	j.file, j.lines = file, len(j.records)
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// sync returns when the line of that number is on disk. Those who wait at once
// share the wait.
func (j *Journal) sync(number int64) error {
	j.syncing.Lock()
	defer j.syncing.Unlock()
	if j.synced >= number {
		return nil
	}
	j.mu.Lock()
	file, written := j.file, j.written
	j.mu.Unlock()
	if file == nil {
		return fmt.Errorf("journal: %w", os.ErrClosed)
	}
	if err := file.Sync(); err != nil && !j.replaced(file) {
		return fmt.Errorf("journal: %w", err)
	}
	j.synced = written
	return nil
}

// replaced reports whether the file has been written anew meanwhile, and so
// with all that the old one held.
func (j *Journal) replaced(file *os.File) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.file != nil && j.file != file
}

// Close closes the file.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.close()
}

func (j *Journal) close() error {
	if j.file == nil {
		return nil
	}
	err := j.file.Close()
	j.file = nil
	return err
}
