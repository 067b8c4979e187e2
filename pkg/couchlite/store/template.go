package store

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// blankIncarnation stands in a template where each database has its own.
const blankIncarnation = "................"

// makeTemplate returns the bytes of an empty database's file. Copying them is
// several times faster than laying out the tables anew.
func (s *Store) makeTemplate() ([]byte, error) {
	path := filepath.Join(s.dir, "template"+FileSuffix)
	if err := RemoveFile(path); err != nil {
		return nil, err
	}
	defer func() { _ = RemoveFile(path) }()
	file, err := s.OpenFile(context.Background(), path, FileOptions{Sync: "OFF", Readers: 1, Schema: databaseSchema})
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
	if bytes.Count(raw, []byte(blankIncarnation)) != 1 {
		return nil, fmt.Errorf("template of a database: no place for the incarnation")
	}
	return raw, nil
}

// placeFile writes the file of a new database and makes it durable. What a
// crash leaves of it does not bear a database's name.
func (s *Store) placeFile(path string) error {
	template, err := s.template()
	if err != nil {
		return err
	}
	if err := dropLog(path); err != nil {
		return err
	}
	raw := bytes.Replace(template, []byte(blankIncarnation), []byte(RandomHex(len(blankIncarnation)/2)), 1)
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
