package content

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"os"
)

// inMemory is how many bytes a spool keeps in memory.
const inMemory = 256 << 10

// Spool takes the bytes of an attachment on their way into a database and gives
// them back: few are in memory, more in a file. Its user closes it.
type Spool struct {
	dir      string
	buf      []byte
	file     *os.File // nil: all are in buf
	size     int64
	md5, sha hash.Hash
}

// NewSpool returns an empty spool. The file, if it needs one, is made in dir.
func NewSpool(dir string) *Spool { return &Spool{dir: dir, md5: md5.New(), sha: sha256.New()} }

// SpoolOf returns a spool with bytes that are in memory already.
func SpoolOf(data []byte) *Spool {
	s := NewSpool("")
	s.hash(data)
	s.buf, s.size = data, int64(len(data))
	return s
}

// SpoolError is a failure of the spool's own file, not of what is read into it.
type SpoolError struct{ Err error }

// Error implements error.
func (e *SpoolError) Error() string { return fmt.Sprintf("spool: %v", e.Err) }

// Unwrap returns the cause.
func (e *SpoolError) Unwrap() error { return e.Err }

// Write implements [io.Writer]. Its errors are of type *[SpoolError].
func (s *Spool) Write(p []byte) (int, error) {
	if s.file == nil && len(s.buf)+len(p) <= inMemory {
		s.buf = append(s.buf, p...)
	} else if err := s.writeFile(p); err != nil {
		return 0, &SpoolError{err}
	}
	s.hash(p)
	s.size += int64(len(p))
	return len(p), nil
}

func (s *Spool) hash(p []byte) {
	_, _ = s.md5.Write(p) // never fails
	_, _ = s.sha.Write(p)
}

func (s *Spool) writeFile(p []byte) error {
	if s.file == nil {
		if err := s.open(); err != nil {
			return err
		}
	}
	_, err := s.file.Write(p)
	return err
}

// open makes the file and moves what is in memory there. The file's name goes at
// once where the system allows it, so that a crash leaves nothing.
func (s *Spool) open() error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(s.dir, "attachment-")
	if err != nil {
		return err
	}
	_ = os.Remove(f.Name()) // else Close removes it
	if _, err := f.Write(s.buf); err != nil {
		_ = f.Close()
		_ = os.Remove(f.Name())
		return err
	}
	s.file, s.buf = f, nil
	return nil
}

// Reader reads what was written, from the start.
func (s *Spool) Reader() io.Reader {
	if s.file == nil {
		return bytes.NewReader(s.buf)
	}
	return io.NewSectionReader(s.file, 0, s.size)
}

// Size is how many bytes were written.
func (s *Spool) Size() int64 { return s.size }

// MD5 is that of the bytes written.
func (s *Spool) MD5() []byte { return s.md5.Sum(nil) }

// SHA256 is that of the bytes written.
func (s *Spool) SHA256() []byte { return s.sha.Sum(nil) }

// InFile reports whether the bytes are in a file, which Close removes.
func (s *Spool) InFile() bool { return s.file != nil }

// Close removes the file. The bytes are gone.
func (s *Spool) Close() {
	if s.file == nil {
		return
	}
	_ = s.file.Close() // nobody needs what was not written
	_ = os.Remove(s.file.Name())
	s.file, s.size = nil, 0
}
