// Package backup writes every database of a store, as they were at one moment,
// to a tar archive or a directory, and puts them back.
//
// A backup holds one SQLite file per database below databases/, and
// manifest.json, which names the files with their sizes and checksums. The
// manifest is written last: a backup without one was cut short.
package backup

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path"
	"time"

	"github.com/callflowd/callflowd/pkg/couchlite/store"
)

// The names in a backup.
const (
	manifestName = "manifest.json"
	filesDir     = "databases"
)

// format is the version of the layout.
const format = 1

// Manifest says what a backup holds.
type Manifest struct {
	Format    int        `json:"callflowd_backup"`
	At        time.Time  `json:"at"` // the moment
	Version   string     `json:"version"`
	Databases []Database `json:"databases"`
	Damaged   []Damaged  `json:"damaged,omitempty"`
}

// Database is one database of a backup.
type Database struct {
	Name      string `json:"name"`
	File      string `json:"file"` // slash-separated
	Bytes     int64  `json:"bytes"`
	SHA256    string `json:"sha256"` // hex
	UpdateSeq int64  `json:"update_seq"`
	Documents int64  `json:"documents"`
	Deleted   int64  `json:"deleted"`
}

// Damaged is a database that could not be copied.
type Damaged struct {
	Name string `json:"name"`
	Why  string `json:"why"`
}

// Bytes is the size of all files.
func (m *Manifest) Bytes() (n int64) {
	for _, db := range m.Databases {
		n += db.Bytes
	}
	return n
}

// Backup is one that is being written.
type Backup struct {
	cut      *store.Cut
	manifest Manifest
}

// Begin takes every database as it is now. The caller closes the backup.
func Begin(s *store.Store, version string) (*Backup, error) {
	cut, err := s.Cut()
	if err != nil {
		return nil, err
	}
	return &Backup{cut, Manifest{Format: format, At: time.Now().UTC(), Version: version, Databases: []Database{}}}, nil
}

// Len is the number of databases.
func (b *Backup) Len() int { return b.cut.Len() }

// Close gives up what the backup holds.
func (b *Backup) Close() error { return b.cut.Close() }

// Write writes the archive.
func (b *Backup) Write(ctx context.Context, w io.Writer) error {
	out := tar.NewWriter(w)
	err := b.cut.Each(ctx, func(c store.Copied) error {
		if c.Path == "" {
			b.manifest.Damaged = append(b.manifest.Damaged, Damaged{c.Name, c.Why})
			return nil
		}
		db := Database{Name: c.Name, File: path.Join(filesDir, c.File), UpdateSeq: c.Seq, Documents: c.Docs, Deleted: c.Deleted}
		if err := b.add(out, c.Path, &db); err != nil {
			return fmt.Errorf("write %s: %w", db.File, err)
		}
		b.manifest.Databases = append(b.manifest.Databases, db)
		return nil
	})
	if err != nil {
		return err
	}
	raw, err := json.MarshalIndent(b.manifest, "", "  ")
	if err != nil {
		return err
	}
	if err := out.WriteHeader(b.header(manifestName, int64(len(raw)))); err != nil {
		return err
	}
	if _, err := out.Write(raw); err != nil {
		return err
	}
	return out.Close()
}

func (b *Backup) header(name string, size int64) *tar.Header {
	return &tar.Header{Name: name, Size: size, Mode: 0o600, ModTime: b.manifest.At, Format: tar.FormatPAX}
}

// add writes one file, and its size and checksum to db.
func (b *Backup) add(out *tar.Writer, from string, db *Database) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	db.Bytes = info.Size()
	if err := out.WriteHeader(b.header(db.File, db.Bytes)); err != nil {
		return err
	}
	sum := sha256.New()
	if _, err := io.Copy(io.MultiWriter(out, sum), f); err != nil {
		return err
	}
	db.SHA256 = hex.EncodeToString(sum.Sum(nil))
	return nil
}
