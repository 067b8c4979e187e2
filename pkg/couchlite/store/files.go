package store

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.uber.org/zap"
)

// FileSuffix ends every SQLite file's name.
const FileSuffix = ".db"

// newFileBase returns a file name for a new database: the database's name, with
// dots for slashes, and a random suffix. A database that is deleted and created
// again thus gets another path, since its last users may still have the old
// file open.
func newFileBase(name string) string {
	return strings.ReplaceAll(name, "/", ".") + "~" + RandomHex(4)
}

// databaseName returns the name of the database whose file is called base;
// false for other files.
func databaseName(base string) (string, bool) {
	name, _, ok := strings.Cut(base, "~")
	name = strings.ReplaceAll(name, ".", "/")
	return name, ok && ValidName(name)
}

func (s *Store) databasePath(base string) string {
	return filepath.Join(s.dir, "databases", base+FileSuffix)
}

func (s *Store) journalPath() string { return filepath.Join(s.dir, "journal") }

// scan finds the databases in the directory. It removes what a crash has left of
// deleted databases and of those whose creation was not finished.
func (s *Store) scan() error {
	entries, err := os.ReadDir(filepath.Join(s.dir, "databases"))
	if err != nil {
		return err
	}
	bases := map[string]bool{}
	for _, e := range entries {
		base, ok := strings.CutSuffix(e.Name(), FileSuffix)
		if name, ours := databaseName(base); ok && ours {
			bases[base] = true
			s.files[name] = base
			s.recallDamage(name, base)
			s.noteDamage(name, checkHeader(name, s.databasePath(base)))
		}
	}
	for _, e := range entries {
		base, _, ok := strings.Cut(e.Name(), FileSuffix)
		_, ours := databaseName(base)
		_, expected := s.journal.Of(base) // its file is lost, and may be put back
		if ok && ours && !bases[base] && !expected {
			s.discard(filepath.Join("databases", e.Name()))
		}
	}
	entries, err = os.ReadDir(filepath.Join(s.dir, "views"))
	for _, e := range entries {
		if _, ours := databaseName(e.Name()); ours && !bases[e.Name()] {
			s.discard(filepath.Join("views", e.Name()))
		}
	}
	return err
}

// discard removes a file or folder of no database. A failure only wastes space.
func (s *Store) discard(path string) {
	if err := os.RemoveAll(filepath.Join(s.dir, path)); err != nil {
		s.log.Warn("remove a file of no database", zap.String("path", path), zap.Error(err))
	}
}

// Names lists every database in CouchDB's order, that of bytes.
func (s *Store) Names() []string {
	s.mu.Lock()
	names := make([]string, 0, len(s.files))
	for name := range s.files {
		names = append(names, name)
	}
	s.mu.Unlock()
	slices.Sort(names)
	return names
}

// file returns the base of a database's file, "" when there is no such
// database.
func (s *Store) file(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.files[name]
}

// setFile records the base of a database's file.
func (s *Store) setFile(name, base string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files[name] = base
}

// Stats is what a store takes.
type Stats struct {
	Databases, Open, Damaged int
	Descriptors              int64 // of open files, about
}

// Stats counts databases and what they take.
func (s *Store) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Stats{len(s.files), s.opened, len(s.damages), s.descriptors.Load()}
}

// Bytes sums up the files of the databases whose names counts says yes to.
func (s *Store) Bytes(counts func(name string) bool) (bytes int64) {
	for _, name := range s.Names() {
		if base := s.file(name); base != "" && counts(name) {
			bytes += (&File{path: s.databasePath(base)}).Size()
		}
	}
	return bytes
}
