package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/couchlite/fault"
)

// refusal is an error as a client sees it, in short.
func refusal(err error) string {
	if err == nil {
		return "none"
	}
	f := fault.As(err)
	return fmt.Sprintf("%d %s", f.Status, f)
}

const (
	noDatabase = "404 not_found: Database does not exist."
	fileExists = "412 file_exists: The database could not be created, the file already exists."
	shutDown   = "503 service_unavailable: The server is shutting down."
)

func wantRefusal(t testing.TB, what string, err error, want string) {
	t.Helper()
	if got := refusal(err); got != want {
		t.Errorf("%s: %s, want %s", what, got, want)
	}
}

// TestDatabaseRefusals holds what is answered for databases that are there, are
// not, or go while they are used.
func TestDatabaseRefusals(t *testing.T) {
	s := storeIn(t, t.TempDir(), 0)
	acquire := func(name string) error {
		db, err := s.Acquire(t.Context(), name)
		if err == nil {
			s.Release(db)
		}
		return err
	}
	create := func() error {
		db, err := s.Create(t.Context(), "db")
		if err == nil {
			s.Release(db)
		}
		return err
	}
	wantRefusal(t, "a name that none can have", acquire("Upper"), noDatabase)
	wantRefusal(t, "one that never was", acquire("db"), noDatabase)
	wantRefusal(t, "delete one that never was", s.Destroy(t.Context(), "db"), noDatabase)
	wantRefusal(t, "create", create(), "none")
	wantRefusal(t, "create again while it is open", create(), fileExists)
	s.evict()
	wantRefusal(t, "create again while it is closed", create(), fileExists)

	db := hold(t, s, "db")
	put(t, db, "a", `{}`)
	wantRefusal(t, "delete while it is used", s.Destroy(t.Context(), "db"), "none")
	wantRefusal(t, "write after that", db.Save(t.Context(), &Edit{ID: "b", Body: []byte(`{}`)}), noDatabase)
	wantRefusal(t, "a failed read after that", db.Gone(errors.New("disk")), noDatabase)
	wantRefusal(t, "a refusal stays what it is", db.Gone(fault.Conflict()), "409 conflict: Document update conflict.")
	wantRefusal(t, "a success as well", db.Gone(nil), "none")
	wantRefusal(t, "delete twice", s.Destroy(t.Context(), "db"), noDatabase)
	again := hold(t, s, "db") // beside the last user of the old one
	if n := again.Current().Docs; n != 0 || again.base == db.base {
		t.Errorf("made again with %d documents in the same file: %t", n, again.base == db.base)
	}
	s.Release(again)
	s.Release(db)

	closeStore(t, s)
	wantRefusal(t, "acquire after the end", acquire("db"), shutDown)
	wantRefusal(t, "create after the end", create(), shutDown)
	if err := s.Close(); err != nil || s.evict() {
		t.Errorf("closed twice: %v", err)
	}
	select {
	case <-s.Stopped():
	default:
		t.Error("the end was not told")
	}
}

// TestManyFiles is the 503 of a process that has no descriptor left.
func TestManyFiles(t *testing.T) {
	wantRefusal(t, "descriptors", openFailure(fmt.Errorf("open: %w", errManyFiles)), "503 service_unavailable: Too many files are open; try again.")
	wantRefusal(t, "a file that is gone", openFailure(fmt.Errorf("open: %w", os.ErrNotExist)), noDatabase)
	wantRefusal(t, "damage", openFailure(foreign("db", "another program made it")), "500 damaged_database: The file of the database db is not used: another program made it.")
	if oops := errors.New("oops"); openFailure(oops) != oops {
		t.Error("another error became another one")
	}
}

// TestLongestIdle closes the database that nobody has used for longest.
func TestLongestIdle(t *testing.T) {
	s := storeIn(t, t.TempDir(), 2)
	defer closeStore(t, s)
	open := func() string {
		s.mu.Lock()
		defer s.mu.Unlock()
		text := ""
		for _, name := range []string{"a", "b", "c", "d"} {
			if s.slots[name] != nil {
				text += name
			}
		}
		return text
	}
	for _, step := range []struct{ use, open string }{{"a", "a"}, {"b", "ab"}, {"a", "ab"}, {"c", "ac"}, {"d", "cd"}, {"c", "cd"}, {"a", "ac"}} {
		s.Release(hold(t, s, step.use))
		if got := open(); got != step.open {
			t.Errorf("after %s open are %s, want %s", step.use, got, step.open)
		}
	}
	a, b, c := hold(t, s, "a"), hold(t, s, "b"), hold(t, s, "c")
	if got := open(); got != "abc" || s.evict() {
		t.Errorf("all in use: open are %s", got)
	}
	for _, db := range []*Database{b, a, c} {
		s.Release(db)
	}
	if got := open(); got != "ac" {
		t.Errorf("given back: open are %s, want ac", got)
	}
}

// TestStats counts databases, their bytes and the descriptors they hold.
func TestStats(t *testing.T) {
	s := storeIn(t, t.TempDir(), 0)
	defer closeStore(t, s)
	for _, name := range []string{"a", "b", "c"} {
		db := hold(t, s, name)
		put(t, db, "x", `{"x":"`+strings.Repeat(name, 5000)+`"}`)
		s.Release(db)
	}
	st := s.Stats()
	if st.Databases != 3 || st.Open != 3 || st.Damaged != 0 || st.Descriptors < 3*(perFile+2*perConnection) {
		t.Errorf("%+v", st)
	}
	var files int64
	entries, err := os.ReadDir(filepath.Join(s.Dir(), "databases"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && !strings.HasPrefix(e.Name(), "b") && !strings.HasSuffix(e.Name(), "-shm") {
			files += info.Size()
		}
	}
	if got := s.Bytes(func(name string) bool { return name != "b" }); got != files || got == 0 {
		t.Errorf("%d bytes, the files have %d", got, files)
	}
	for s.evict() {
		continue
	}
	if st := s.Stats(); st.Open != 0 || st.Descriptors != 0 || st.Databases != 3 {
		t.Errorf("all closed: %+v", st)
	}
}

// TestReadOnlyIsOpenedAgain: a database that could only be read is opened again
// when the disk can be written and its last user has left.
func TestReadOnlyIsOpenedAgain(t *testing.T) {
	s := storeIn(t, t.TempDir(), 0)
	defer closeStore(t, s)
	old := hold(t, s, "db")
	old.file.ReadOnly = true // as if
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Acquire(canceled, "db"); !errors.Is(err, context.Canceled) {
		t.Errorf("one that does not wait: %v", err)
	}
	anew := make(chan *Database)
	go func() {
		db, err := s.Acquire(t.Context(), "db")
		if err != nil {
			t.Error(err)
		}
		anew <- db
	}()
	select {
	case <-anew:
		t.Fatal("opened beside its last user")
	default:
	}
	old.file.ReadOnly = false
	s.Release(old)
	db := <-anew
	if db == old || db.file.ReadOnly {
		t.Error("it is the same one")
	}
	put(t, db, "a", `{}`)

	s.expire(db.slot)
	gone := make(chan error)
	go func() { gone <- s.Destroy(t.Context(), "db") }()
	s.Release(db)
	if err := <-gone; err != nil || len(s.Names()) != 0 {
		t.Errorf("deleted while it is opened again: %v, there are %v", err, s.Names())
	}
}

// companion counts what happens to what is beside a database.
type companion struct{ closed, dropped int }

func (c *companion) Close() { c.closed++ }

func (c *companion) Drop() error {
	c.dropped++
	return nil
}

// TestCompanion is closed with its database, and dropped with it.
func TestCompanion(t *testing.T) {
	var made []*companion
	s, err := Open(Options{Dir: t.TempDir(), Log: quiet(t), Companion: func(*Database) Companion {
		made = append(made, &companion{})
		return made[len(made)-1]
	}})
	if err != nil {
		t.Fatal(err)
	}
	db := hold(t, s, "db")
	if db.Beside() != made[0] {
		t.Error("another one is beside it")
	}
	s.Release(db)
	s.evict()
	s.Release(hold(t, s, "db"))
	if err := s.Destroy(t.Context(), "db"); err != nil {
		t.Fatal(err)
	}
	s.Release(hold(t, s, "other"))
	closeStore(t, s)
	var got []companion
	for _, c := range made {
		got = append(got, *c)
	}
	if want := "[{1 0} {1 1} {1 0}]"; fmt.Sprint(got) != want {
		t.Errorf("closed and dropped %v, want %s", got, want)
	}
}

// TestLeftovers removes at the start what a crash has left of databases that
// were not whole yet or not any more, and nothing else.
func TestLeftovers(t *testing.T) {
	dir := t.TempDir()
	s := storeIn(t, dir, 0)
	db := hold(t, s, "db")
	put(t, db, "a", `{}`)
	base := db.base
	s.Release(db)
	closeStore(t, s)
	gone := []string{
		"databases/new~0a1b2c3d.db.new", "databases/old~0a1b2c3d.db-wal", "databases/old~0a1b2c3d.db-shm", "databases/old~0a1b2c3d.db-damaged",
		"views/old~0a1b2c3d/x.db", "backup/copy.db", "spool/attachment-1",
	}
	stay := []string{"databases/README", "databases/notours.db", "databases/Upper~1.db-wal", "views/notours/x.db", "views/" + base + "/x.db"}
	for _, name := range append(append([]string{}, gone...), stay...) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, path, []byte("x"))
	}
	s = storeIn(t, dir, 0)
	defer closeStore(t, s)
	exists := func(name string) bool {
		_, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name)))
		return err == nil
	}
	for _, name := range gone {
		if exists(name) {
			t.Errorf("%s is still there", name)
		}
	}
	for _, name := range stay {
		if !exists(name) {
			t.Errorf("%s was removed", name)
		}
	}
	if exists("views/old~0a1b2c3d") || len(s.Names()) != 1 || s.Names()[0] != "db" {
		t.Errorf("databases %v", s.Names())
	}
	s.Release(hold(t, s, "db"))
}

// TestSettings keeps the security object and the limit of revisions, which are
// no changes of documents.
func TestSettings(t *testing.T) {
	dir := t.TempDir()
	s := storeIn(t, dir, 0)
	db := hold(t, s, "db")
	if st := db.Current(); st.RevsLimit != 1000 || st.Security != `{"members":{"roles":["_admin"]},"admins":{"roles":["_admin"]}}` {
		t.Errorf("a new database: %+v", st)
	}
	watch := s.Watch("db")
	if err := errors.Join(db.SetSecurity(t.Context(), `{"x":"é'"}`), db.SetRevsLimit(t.Context(), 7)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if st := db.Current(); st.RevsLimit != 7 || st.Security != `{"x":"é'"}` || st.Seq != 0 || st.Commits != 2 {
			t.Errorf("%+v", st)
		}
		s.Release(db)
		select {
		case <-watch:
			t.Error("told as a change")
		default:
		}
		closeStore(t, s)
		s = storeIn(t, dir, 0)
		db, watch = hold(t, s, "db"), s.Watch("db")
	}
	s.Release(db)
	closeStore(t, s)
}

// TestInfo is what GET /{db} says.
func TestInfo(t *testing.T) {
	db := held(t, newStore(t), "db")
	put(t, db, "a", `{}`)
	put(t, db, "b", `{}`)
	put(t, db, "b", `{"_deleted":true}`)
	info := db.Info()
	for name, want := range map[string]string{
		"db_name": "db", "doc_count": "1", "doc_del_count": "1", "update_seq": db.EncodeSeq(3), "purge_seq": "0-" + db.Current().Incarnation,
		"instance_start_time": "0", "compact_running": "false", "disk_format_version": "8", "cluster": "map[n:1 q:1 r:1 w:1]",
	} {
		if got := fmt.Sprint(info[name]); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	if sizes := info["sizes"].(map[string]int64); sizes["file"] != db.file.Size() || sizes["file"] == 0 || sizes["active"] > sizes["file"] {
		t.Errorf("sizes %v, the file has %d", sizes, db.file.Size())
	}
}
