package view

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/couchlite/sandbox"
	"github.com/callflowd/callflowd/pkg/couchlite/store"
)

// TestOpenUnwritable uses the file of an index on a disk that cannot be written
// if it is up to date, and else begins one in memory.
func TestOpenUnwritable(t *testing.T) {
	dir := t.TempDir()
	l := labIn(t, dir)
	l.putDesign(t, "u", "d", map[string]string{"v": "function(d){ emit(d._id, 1) }"})
	l.put(t, "u", "a", `{}`)
	l.answer(t, "u/d/v")
	l.close(t)
	l = labIn(t, dir)
	defer l.close(t)
	path := indexFiles(t, dir)[0]
	open := func() (readOnly bool, seq int64) {
		l.with(t, "u", func(db *store.Database) {
			s := viewsIn(db)
			d, err := s.Design(t.Context(), "d")
			if err != nil {
				t.Fatal(err)
			}
			x, err := openUnwritable(t.Context(), s, d, path)
			if err != nil {
				t.Fatal(err)
			}
			readOnly, seq = x.file.ReadOnly, x.seq
			if err := x.file.Close(); err != nil {
				t.Error(err)
			}
		})
		return readOnly, seq
	}
	if readOnly, seq := open(); !readOnly || seq != 2 {
		t.Errorf("up to date: the file %t, at %d", readOnly, seq)
	}
	l.put(t, "u", "b", `{}`)
	if readOnly, seq := open(); readOnly || seq != 0 {
		t.Errorf("behind: the file %t, at %d", readOnly, seq)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if readOnly, seq := open(); readOnly || seq != 0 {
		t.Errorf("missing: the file %t, at %d", readOnly, seq)
	}
	if left, _ := filepath.Glob(path + "*"); len(left) > 0 {
		t.Errorf("files were made: %v", left)
	}
}

// TestRestartTriesAgain builds an index from scratch that has a view that
// failed: the program may be another one by then.
func TestRestartTriesAgain(t *testing.T) {
	dir := t.TempDir()
	l := labIn(t, dir)
	l.engine.limits = sandbox.Limits{Work: 100_000}
	l.putDesign(t, "f", "d", map[string]string{"v": "function(d){ for (var i = 0; i < 200000 * d.n; i++); emit(d.n, 1) }", "w": "function(d){ emit(1, 1) }"})
	for i := range maxStrikes {
		l.put(t, "f", fmt.Sprint("d", i), `{"n":1}`)
	}
	l.wantBroken(t, "f/d/v")
	if got := l.answer(t, "f/d/w"); !strings.Contains(got, fmt.Sprintf(`"total_rows":%d`, maxStrikes)) {
		t.Errorf("the other view: %s", got)
	}
	l.close(t)
	l = labIn(t, dir)
	defer l.close(t)
	if got := l.answer(t, "f/d/v"); !strings.Contains(got, fmt.Sprintf(`"total_rows":%d`, maxStrikes)) {
		t.Errorf("after a restart: %s", got)
	}
}

// TestIndexOfAnotherState builds an index from scratch whose file knows more of
// the database than there is, or another one.
func TestIndexOfAnotherState(t *testing.T) {
	for name, spoil := range map[string]string{
		"ahead": `UPDATE meta SET seq = 1000`, "of another incarnation": `UPDATE meta SET incarnation = 'x'`, "of another one, and empty": `UPDATE meta SET incarnation = 'x', seq = 0`,
		"without its state": `DELETE FROM meta`, "with a failure": `INSERT INTO broken VALUES(0, 'x')`, "of another layout": `DROP TABLE broken`,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			l := labIn(t, dir)
			l.putDesign(t, "s", "d", map[string]string{"v": "function(d){ emit(d._id, 1) }"})
			l.put(t, "s", "a", `{}`)
			l.answer(t, "s/d/v")
			l.with(t, "s", func(db *store.Database) {
				d, err := viewsIn(db).Design(t.Context(), "d")
				if err != nil {
					t.Fatal(err)
				}
				x, err := viewsIn(db).index(t.Context(), d)
				if err != nil {
					t.Fatal(err)
				}
				defer viewsIn(db).leave(x)
				if _, err := x.file.W.ExecContext(t.Context(), `INSERT INTO entries VALUES(0, x'05', 'stray', '1', '1'); `+spoil); err != nil {
					t.Fatal(err)
				}
			})
			l.close(t)
			l = labIn(t, dir)
			defer l.close(t)
			if got := l.answer(t, "s/d/v"); got != `{"total_rows":1,"offset":0,"rows":[{"id":"a","key":"a","value":1}]}` {
				t.Errorf("%s", got)
			}
		})
	}
}

// TestMemoryIsKeptWhileUsed: an index in memory that somebody reads is not
// closed when the one on disk can be written again, and is when nobody does.
func TestMemoryIsKeptWhileUsed(t *testing.T) {
	l := newLab(t)
	l.putDesign(t, "m", "d", map[string]string{"v": "function(d){ emit(1, 1) }"})
	l.put(t, "m", "a", `{}`)
	l.withIndex(t, "m", "d", func(disk *viewIndex) {
		s := disk.set
		first, err := s.inMemory(t.Context(), disk.design)
		if err != nil {
			t.Fatal(err)
		}
		second, err := s.inMemory(t.Context(), disk.design)
		if err != nil || second != first || first == disk {
			t.Fatalf("another index in memory: %v", err)
		}
		for _, used := range []bool{true, true, false} {
			s.forgetMemory(disk.design, disk)
			if kept := s.memory[disk.design.digest] != nil; kept != used || (first.file.R.PingContext(t.Context()) == nil) != used {
				t.Errorf("kept %t, used %t", kept, used)
			}
			if used {
				s.leave(first)
			}
		}
		if third, err := s.inMemory(t.Context(), disk.design); err != nil || third == first {
			t.Errorf("a closed one is used again: %v", err)
		} else {
			s.forgetMemory(disk.design, third)
			if s.leave(third); s.memory[disk.design.digest] != third {
				t.Error("it made room for itself")
			}
		}
	})
}
