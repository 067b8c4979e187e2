package content

import (
	"bytes"
	"compress/gzip"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	_ "modernc.org/sqlite"
)

// shelf is a file with the tables that attachments need.
type shelf struct {
	t       *testing.T
	pool    *sql.DB
	conn    *sql.Conn
	readers Readers
}

func newShelf(t *testing.T) *shelf {
	t.Helper()
	pool, err := sql.Open("sqlite", "file:"+t.TempDir()+"/shelf.db?_pragma=journal_mode(WAL)")
	if err != nil {
		t.Fatal(err)
	}
	s := &shelf{t: t, pool: pool}
	if s.conn, err = pool.Conn(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(s.conn.Close(), pool.Close()); err != nil {
			t.Error(err)
		}
	})
	s.exec(`CREATE TABLE state(version INTEGER); INSERT INTO state VALUES(2);
		CREATE TABLE bodies(num INTEGER PRIMARY KEY, body BLOB, attachments BLOB);
		CREATE TABLE attachments(num INTEGER PRIMARY KEY, sha BLOB NOT NULL UNIQUE, data BLOB NOT NULL)`)
	return s
}

func (s *shelf) exec(statements string, args ...any) {
	s.t.Helper()
	if _, err := s.conn.ExecContext(s.t.Context(), statements, args...); err != nil {
		s.t.Fatal(err)
	}
}

func (s *shelf) count(query string) (n int) {
	s.t.Helper()
	if err := s.conn.QueryRowContext(s.t.Context(), query).Scan(&n); err != nil {
		s.t.Fatal(err)
	}
	return n
}

// add stores data and a revision that names it.
func (s *shelf) add(data []byte) (num int64) {
	s.t.Helper()
	in := filled(s.t, s.t.TempDir(), data, 100_000)
	defer in.Close()
	num, err := Add(s.t.Context(), s.conn, in)
	if err != nil {
		s.t.Fatal(err)
	}
	s.exec(`INSERT INTO bodies(body, attachments) VALUES('{}', ?)`, fmt.Sprintf(`[{"name":"x","num":%d}]`, num))
	return num
}

func (s *shelf) open(num, size int64) *Reader {
	s.t.Helper()
	r, err := s.readers.Open(s.t.Context(), s.pool, num, size)
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// bytesOf makes so many bytes, of which no piece is like another.
func bytesOf(n int) []byte {
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(i ^ i>>8 ^ i>>16)
	}
	return data
}

// TestPieces stores and reads sizes around those of pieces, in every order that
// a reader may read in. A file without a large one stays one that earlier
// versions can read.
func TestPieces(t *testing.T) {
	for _, tt := range []struct{ size, pieces, version int }{
		{0, 0, 2}, {1, 0, 2}, {pieceSize - 1, 0, 2}, {pieceSize, 0, 2}, {pieceSize + 1, 2, Layout}, {2 * pieceSize, 2, Layout}, {2*pieceSize + 1, 3, Layout},
	} {
		t.Run(fmt.Sprint(tt.size), func(t *testing.T) {
			s := newShelf(t)
			data := bytesOf(tt.size)
			num := s.add(data)
			if v := s.count(`SELECT version FROM state`); v != tt.version {
				t.Errorf("layout %d, want %d", v, tt.version)
			}
			pieces := 0
			if s.count(`SELECT count(*) FROM sqlite_master WHERE name = 'pieces'`) > 0 {
				pieces = s.count(`SELECT count(*) FROM pieces`)
			}
			if pieces != tt.pieces {
				t.Errorf("%d pieces, want %d", pieces, tt.pieces)
			}
			r := s.open(num, int64(tt.size))
			defer r.Close()
			if err := iotest.TestReader(r, data); err != nil {
				t.Errorf("read: %.300v", err)
			}
			if _, err := r.Seek(0, io.SeekStart); err != nil {
				t.Fatal(err)
			}
			buf := make([]byte, 1000)
			for left := tt.size; left > 0; { // each Read gives something
				n, err := r.Read(buf)
				if left -= n; n == 0 || err != nil {
					t.Fatalf("%d bytes with %d left: %v", n, left, err)
				}
			}
			if r.Err() != nil {
				t.Error(r.Err())
			}
		})
	}
}

// TestUnpacked reads a compressed text from everywhere.
func TestUnpacked(t *testing.T) {
	s := newShelf(t)
	var text, packed bytes.Buffer
	for i := range 8000 {
		fmt.Fprintf(&text, "%d,", i*7919%100_003)
	}
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(text.Bytes()); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	num := s.add(packed.Bytes())
	r := s.open(num, int64(packed.Len()))
	defer r.Close()
	p := r.Unpacked(int64(text.Len()))
	if err := iotest.TestReader(p, text.Bytes()); err != nil {
		t.Errorf("read: %.300v", err)
	}
	for _, at := range []int64{100, 99, 20_000, 0, int64(text.Len()) - 1} {
		if _, err := p.Seek(at, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 1)
		if _, err := io.ReadFull(p, b); err != nil || b[0] != text.Bytes()[at] {
			t.Errorf("at %d: %q %v", at, b, err)
		}
	}
	if to, err := p.Seek(-3, io.SeekEnd); to != int64(text.Len())-3 || err != nil {
		t.Errorf("sought %d %v", to, err)
	}
	if to, err := p.Seek(1, io.SeekCurrent); to != int64(text.Len())-2 || err != nil {
		t.Errorf("sought %d %v", to, err)
	}
	if _, err := p.Seek(-1, io.SeekStart); err == nil {
		t.Error("sought before the start")
	}
	if p.Err() != nil {
		t.Error(p.Err())
	}
}

// TestBrokenBytes reads attachments that are not as they should be: the first
// error comes again, and is told by Err.
func TestBrokenBytes(t *testing.T) {
	const size = 2*pieceSize + 10
	for _, tt := range []struct {
		name, spoil string
		read        int // before the error
		want        string
	}{
		{"a piece is missing", `DELETE FROM pieces WHERE n = 1`, pieceSize, "read an attachment at 262144: sql: no rows in result set"},
		{"a piece is short", `UPDATE pieces SET data = substr(data, 2) WHERE n = 1`, pieceSize, "read an attachment at 262144: 262143 bytes instead of 262144"},
		{"the last is long", `UPDATE pieces SET data = data || x'00' WHERE n = 2`, 2 * pieceSize, "read an attachment at 524288: 11 bytes instead of 10"},
		{"all are gone", `DELETE FROM pieces`, 0, "read an attachment at 0: sql: no rows in result set"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newShelf(t)
			num := s.add(bytesOf(size))
			s.exec(tt.spoil)
			r := s.open(num, size)
			defer r.Close()
			got, err := io.ReadAll(r)
			if err == nil || err.Error() != tt.want || len(got) != tt.read {
				t.Errorf("%d bytes and %v, want %d and %s", len(got), err, tt.read, tt.want)
			}
			if n, again := r.Read(make([]byte, 1)); n != 0 || again != err || r.Err() != err {
				t.Errorf("then %d bytes and %v, told %v", n, again, r.Err())
			}
		})
	}
	s := newShelf(t)
	if _, err := s.readers.Open(t.Context(), s.pool, 77, 3); !errors.Is(err, sql.ErrNoRows) || s.readers.list() != "[]" {
		t.Errorf("a row that is not there: %v, read are %s", err, s.readers.list())
	}
}

// TestBrokenStream unpacks what is no stream, or ends early: that is an error,
// though the bytes are as they were stored.
func TestBrokenStream(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write([]byte("hello"))
	_ = z.Close()
	whole := packed.Bytes()
	for _, tt := range []struct {
		name   string
		stored []byte
		size   int64
		want   string
	}{
		{"no stream", []byte("hello hello hello"), 5, "gzip: invalid header"},
		{"cut short", whole[:13], 5, "unexpected EOF"},
		{"shorter than it says", whole, 6, "unexpected EOF"},
		{"empty", nil, 1, "unexpected EOF"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newShelf(t)
			r := s.open(s.add(tt.stored), int64(len(tt.stored)))
			defer r.Close()
			p := r.Unpacked(tt.size)
			got, err := io.ReadAll(p)
			if want := "unpack an attachment: " + tt.want; err == nil || err.Error() != want || int64(len(got)) >= tt.size || p.Err() == nil {
				t.Errorf("%q and %v, want %s", got, err, want)
			}
		})
	}
	s := newShelf(t)
	r := s.open(s.add(whole), int64(len(whole)))
	defer r.Close()
	p := r.Unpacked(4)
	for at, want := range map[int64]string{0: "hell", 3: "l", 4: ""} {
		if _, err := p.Seek(at, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(p); string(got) != want || err != nil {
			t.Errorf("longer than it says, from %d: %q %v", at, got, err)
		}
	}
}

// TestSweep deletes bytes that no revision names, once nobody reads them.
func TestSweep(t *testing.T) {
	s := newShelf(t)
	small, large, kept := s.add([]byte("a")), s.add(bytesOf(pieceSize+1)), s.add(bytesOf(2*pieceSize+2))
	s.exec(`INSERT INTO bodies(body, attachments) VALUES('{}', NULL)`)
	sweep := func(rows, pieces int) {
		t.Helper()
		if err := Sweep(t.Context(), s.conn, &s.readers); err != nil {
			t.Fatal(err)
		}
		if r, p := s.count(`SELECT count(*) FROM attachments`), s.count(`SELECT count(*) FROM pieces`); r != rows || p != pieces {
			t.Errorf("%d rows and %d pieces are left, want %d and %d", r, p, rows, pieces)
		}
	}
	sweep(3, 5)
	first, second := s.open(large, pieceSize+1), s.open(large, pieceSize+1)
	third := s.open(small, 1)
	s.exec(`DELETE FROM bodies WHERE attachments LIKE ? OR attachments LIKE ?`, fmt.Sprintf("%%:%d}%%", small), fmt.Sprintf("%%:%d}%%", large))
	sweep(3, 5)
	first.Close()
	third.Close()
	sweep(2, 5)
	if got, err := io.ReadAll(second); !bytes.Equal(got, bytesOf(pieceSize+1)) || err != nil {
		t.Errorf("%d bytes while it is swept: %v", len(got), err)
	}
	second.Close()
	sweep(1, 3)
	if n := s.count(fmt.Sprintf(`SELECT count(*) FROM attachments WHERE num = %d`, kept)); n != 1 || s.readers.list() != "[]" {
		t.Errorf("the one that is named: %d, read are %s", n, s.readers.list())
	}
}

// TestSweepWithoutPieces has a file that never had a large attachment.
func TestSweepWithoutPieces(t *testing.T) {
	s := newShelf(t)
	s.add([]byte("a"))
	s.exec(`DELETE FROM bodies`)
	if err := Sweep(t.Context(), s.conn, &s.readers); err != nil || s.count(`SELECT count(*) FROM attachments`) != 0 {
		t.Errorf("%v", err)
	}
}

// TestAddFails tells of a file that takes no bytes, and of bytes that cannot be
// read back.
func TestAddFails(t *testing.T) {
	s := newShelf(t)
	s.exec(`CREATE TABLE pieces(attachment INTEGER, n INTEGER, data BLOB CHECK(n < 1), PRIMARY KEY(attachment, n))`)
	in := filled(t, t.TempDir(), bytesOf(2*pieceSize), 1<<20)
	defer in.Close()
	if _, err := Add(t.Context(), s.conn, in); err == nil || !strings.Contains(err.Error(), "CHECK") {
		t.Errorf("a piece that is refused: %v", err)
	}
	if _, err := Add(t.Context(), s.conn, in); err == nil || !strings.Contains(err.Error(), "UNIQUE") {
		t.Errorf("bytes that are there already: %v", err)
	}
	broken := filled(t, t.TempDir(), bytesOf(pieceSize+2), 1<<20)
	if err := broken.file.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Add(t.Context(), s.conn, broken); err == nil {
		t.Error("bytes that cannot be read back were stored")
	}
	broken.Close()
	if broken.InFile() || broken.Size() != 0 {
		t.Error("a closed spool has bytes")
	}
}
