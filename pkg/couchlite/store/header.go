package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/couchlite/content"
)

// What identifies a database's file: SQLite's application_id, and in the
// table state the version of the layout and the database's name.
const (
	applicationID = 0x436C6462 // "Cldb"
	layoutVersion = 2
)

// maxName is the longest name of a database. Files keep it padded to this
// length, so that a template has room for every name.
const maxName = 238

// blankName stands in a template where each database has its name.
var blankName = strings.Repeat("~", maxName)

func paddedName(name string) string { return name + strings.Repeat(" ", maxName-len(name)) }

// checkHeader refuses a file that cannot be a database's before SQLite opens it:
// SQLite would lay out tables in an empty one.
func checkHeader(name, path string) error {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return lost(name, path)
	}
	if err != nil {
		return unreadable(name, err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return unreadable(name, err)
	}
	if !info.Mode().IsRegular() {
		return foreign(name, "it is not a file")
	}
	header := make([]byte, 100)
	if _, err := io.ReadFull(f, header); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return unreadable(name, err)
	}
	if damage := headerDamage(name, header, info.Size()); damage != nil {
		return damage
	}
	log, err := os.Stat(path + "-wal")
	if pages := int64(binary.BigEndian.Uint32(header[28:])) * pageSize(header); info.Size() < pages && (err != nil || log.Size() == 0) {
		return torn(name, fmt.Sprintf("it is cut off at %d of %d bytes", info.Size(), pages))
	}
	return nil
}

// unreadable is the damage of a file that cannot be read. What the process has too
// little of is no damage.
func unreadable(name string, err error) error {
	for _, passing := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EINTR} {
		if errors.Is(err, passing) {
			return err
		}
	}
	return foreign(name, err.Error())
}

// headerDamage says what is wrong with the first bytes of a file; nil if it may
// be a database's.
func headerDamage(name string, header []byte, size int64) error {
	const wal = 2
	id := binary.BigEndian.Uint32(header[68:])
	switch {
	case size == 0:
		return torn(name, "it is empty")
	case size < int64(len(header)) || string(header[:16]) != "SQLite format 3\x00":
		return torn(name, "it is no database file")
	case id != applicationID && id != 0, id == 0 && header[18] != wal:
		return foreign(name, "another program made it")
	}
	return nil
}

func pageSize(header []byte) int64 {
	if n := binary.BigEndian.Uint16(header[16:]); n > 1 {
		return int64(n)
	}
	return 1 << 16
}

// identify checks the identity of an open file, and converts a file of the
// first version.
func (db *Database) identify(ctx context.Context) error {
	var id, version int64
	var name string
	err := db.file.W.QueryRowContext(ctx, `PRAGMA application_id`).Scan(&id)
	if err == nil && id == 0 {
		return db.migrate(ctx)
	}
	if err == nil {
		err = db.file.W.QueryRowContext(ctx, `SELECT version, name FROM state`).Scan(&version, &name)
	}
	switch name = strings.TrimRight(name, " "); {
	case err != nil:
		return db.damaged(err)
	case version != layoutVersion && version != content.Layout:
		return foreign(db.name, fmt.Sprintf("another version of this program made it, with layout %d, and this one knows up to %d", version, content.Layout))
	case name != db.name:
		return foreign(db.name, "it is the database "+name)
	}
	return nil
}

// migrate writes the present header to a file of the first version, which had
// none. A file that cannot be written is used as it is.
func (db *Database) migrate(ctx context.Context) error {
	var version, columns int64
	row := db.file.W.QueryRowContext(ctx, `SELECT version, (SELECT count(*) FROM pragma_table_info('docs') WHERE name IN ('rev', 'leaves', 'tree')) FROM state`)
	if err := row.Scan(&version, &columns); err != nil || version != 1 || columns != 3 {
		return foreign(db.name, "another program made it")
	}
	_, err := db.file.W.ExecContext(ctx, fmt.Sprintf(`BEGIN IMMEDIATE;
		ALTER TABLE state ADD COLUMN name TEXT NOT NULL DEFAULT '';
		UPDATE state SET version = %d, name = '%s';
		PRAGMA application_id = %d;
		COMMIT`, layoutVersion, paddedName(db.name), applicationID))
	if err != nil {
		_, _ = db.file.W.ExecContext(ctx, `ROLLBACK`)
		db.log.Warn("give the file its header", zap.Error(err))
	}
	return nil
}
