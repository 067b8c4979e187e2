package store

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// blankIncarnation stands in a template where each database has its own.
const blankIncarnation = "................"

// templateSchema is what an empty database's file holds.
func templateSchema() string {
	return databaseSchema + fmt.Sprintf(`
INSERT INTO state VALUES(1, %d, '%s', 0, 0, 0, 0, 1000, '{"members":{"roles":["_admin"]},"admins":{"roles":["_admin"]}}', '%s', 0, 0);
PRAGMA application_id = %d;`, layoutVersion, blankIncarnation, blankName, applicationID)
}

// template is the bytes of an empty database's file. Copying them is several
// times faster than laying out the tables anew.
type template struct {
	mu  sync.Mutex
	raw []byte // nil until it is first needed
}

// of returns a new database's file.
func (t *template) of(s *Store, name string) ([]byte, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.raw == nil {
		raw, err := s.makeTemplate()
		if err != nil {
			return nil, err
		}
		t.raw = raw
	}
	raw := bytes.Replace(t.raw, []byte(blankIncarnation), []byte(RandomHex(len(blankIncarnation)/2)), 1)
	return bytes.Replace(raw, []byte(blankName), []byte(paddedName(name)), 1), nil
}

func (s *Store) makeTemplate() ([]byte, error) {
	path := filepath.Join(s.dir, "template"+FileSuffix)
	if err := RemoveFile(path); err != nil {
		return nil, err
	}
	defer func() { _ = RemoveFile(path) }()
	file, err := s.OpenFile(context.Background(), path, FileOptions{Sync: "OFF", Readers: 1, Schema: templateSchema()})
	if err != nil {
		return nil, err
	}
	if err := file.Close(); err != nil { // writes the log back
		return nil, err
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if bytes.Count(raw, []byte(blankIncarnation)) != 1 || bytes.Count(raw, []byte(blankName)) != 1 {
		return nil, fmt.Errorf("template of a database: no place for the incarnation or the name")
	}
	return raw, nil
}

// placeFile writes the file of a new database and makes it durable. It gets its
// name only when it is complete: what a crash leaves before is not a database.
func (s *Store) placeFile(name, path string) error {
	raw, err := s.template.of(s, name)
	if err != nil {
		return err
	}
	if err := dropLog(path); err != nil {
		return err
	}
	draft := path + ".new"
	f, err := os.OpenFile(draft, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(raw)
	if err == nil && !s.temp {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(draft, path)
	}
	if err != nil {
		return err
	}
	return syncDir(filepath.Dir(path), !s.temp)
}
