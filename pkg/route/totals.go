package route

import (
	"os"
	"time"
)

// Totals is what all indexes in memory hold, for the metrics.
type Totals struct {
	Accounts int
	Bytes    int64
	Fresh    bool // the server's changes are being followed

	Lag     time.Duration // since the index that is furthest behind agreed with the database
	Unsaved time.Duration // age of the oldest snapshot that is behind its index

	Numbers, Patterns int
	Extended, Invalid int // patterns beyond RE2, and those nothing runs
}

// Fresh reports whether the server's changes are being followed.
func (s *Indexes) Fresh() bool { return s.feedUp.Load() || s.separate.Load() }

// Remembers reports whether lookups of at least one account can be answered
// without the database: from memory, or from a snapshot.
func (s *Indexes) Remembers() bool {
	if len(s.loaded()) > 0 {
		return true
	}
	if s.cfg.Dir == "" {
		return false
	}
	dir, err := os.Open(s.cfg.Dir)
	if err != nil {
		return false
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(1) // an empty directory gives io.EOF
	return len(names) > 0
}

// Totals adds the indexes in memory up.
func (s *Indexes) Totals() Totals {
	t := Totals{Fresh: s.Fresh()}
	for _, l := range s.loaded() {
		st := l.index.Stats()
		t.Lag, t.Unsaved = max(t.Lag, l.lag()), max(t.Unsaved, l.unsaved())
		t.Accounts++
		t.Bytes += int64(st.Bytes)
		t.Numbers += st.Numbers
		t.Patterns += st.Patterns
		t.Extended += st.Extended
		t.Invalid += st.Invalid
	}
	return t
}

// lag is how long ago the index was known to agree with the database.
func (l *live) lag() time.Duration {
	at := l.current()
	if at.IsZero() { // not loaded yet
		return 0
	}
	return time.Since(at)
}

// unsaved is the age of the snapshot if it is behind the index, else 0.
func (l *live) unsaved() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.behind || l.saved.IsZero() {
		return 0
	}
	return time.Since(l.saved)
}
