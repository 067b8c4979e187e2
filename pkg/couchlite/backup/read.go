package backup

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// maxManifest bounds the manifest: 100,000 databases take some 40 MB.
const maxManifest = 256 << 20

// source are the files of a backup, in any order.
type source interface {
	// next returns the next file, to be read before the one after it. At the end
	// the error is io.EOF.
	next() (name string, r io.Reader, err error)
}

// tarSource reads an archive.
type tarSource struct{ r *tar.Reader }

func (s tarSource) next() (string, io.Reader, error) {
	header, err := s.r.Next()
	if err != nil {
		return "", nil, err
	}
	if header.Typeflag != tar.TypeReg {
		return "", nil, fmt.Errorf("%q is no plain file", header.Name)
	}
	return header.Name, s.r, nil
}

// dirSource reads a directory.
type dirSource struct {
	root  string
	names []string // that are left
	open  *os.File
}

func newDirSource(root string) (*dirSource, error) {
	entries, err := os.ReadDir(filepath.Join(root, filesDir))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	s := &dirSource{root: root}
	for _, e := range entries {
		s.names = append(s.names, path.Join(filesDir, e.Name()))
	}
	if _, err := os.Stat(filepath.Join(root, manifestName)); err == nil {
		s.names = append(s.names, manifestName)
	}
	return s, nil
}

func (s *dirSource) next() (string, io.Reader, error) {
	s.close()
	if len(s.names) == 0 {
		return "", nil, io.EOF
	}
	name := s.names[0]
	s.names = s.names[1:]
	f, err := os.Open(filepath.Join(s.root, filepath.FromSlash(name)))
	s.open = f
	return name, f, err
}

func (s *dirSource) close() {
	if s.open != nil {
		_ = s.open.Close()
		s.open = nil
	}
}

// sum is what a file turned out to be.
type sum struct {
	bytes  int64
	sha256 string
}

// read hands every file to sink, and checks all of them against the manifest.
// Its error names each file that is not as it should be.
func read(from source, sink func(name string, r io.Reader) error) (*Manifest, error) {
	sums := map[string]sum{}
	var manifest []byte
	for {
		name, r, err := from.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("the backup cannot be read: %w", err)
		}
		if err := checkName(name); err != nil {
			return nil, err
		}
		if _, twice := sums[name]; twice || name == manifestName && manifest != nil {
			return nil, fmt.Errorf("the backup holds %s twice", name)
		}
		if name == manifestName {
			if manifest, err = io.ReadAll(io.LimitReader(r, maxManifest)); err != nil {
				return nil, fmt.Errorf("the backup cannot be read: %w", err)
			}
			err = sink(name, strings.NewReader(string(manifest)))
		} else {
			sums[name], err = summed(name, r, sink)
		}
		if err != nil {
			return nil, err
		}
	}
	return checked(manifest, sums)
}

// checkName refuses names that no backup has.
func checkName(name string) error {
	dir, file := path.Split(name)
	if name == manifestName || dir == filesDir+"/" && file != "" && file != ".." && !strings.ContainsAny(file, `\:`) {
		return nil
	}
	return fmt.Errorf("%q does not belong to a backup", name)
}

// summed hands a file to sink and sums up what went by.
func summed(name string, r io.Reader, sink func(string, io.Reader) error) (sum, error) {
	hash := sha256.New()
	counted := &counter{w: hash}
	if err := sink(name, io.TeeReader(r, counted)); err != nil {
		return sum{}, fmt.Errorf("%s: %w", name, err)
	}
	return sum{counted.n, hex.EncodeToString(hash.Sum(nil))}, nil
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// checked reads the manifest and compares it with what was found.
func checked(raw []byte, found map[string]sum) (*Manifest, error) {
	if raw == nil {
		return nil, errors.New("the backup has no " + manifestName + ": it was cut short, or is none")
	}
	var m Manifest
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, fmt.Errorf("%s: %w", manifestName, err)
	}
	if m.Format != format {
		return nil, fmt.Errorf("%s: the backup has the layout %d, and this program knows %d", manifestName, m.Format, format)
	}
	var wrong []error
	for _, db := range m.Databases {
		file, there := found[db.File]
		delete(found, db.File)
		switch {
		case !there:
			wrong = append(wrong, fmt.Errorf("%s is missing", db.File))
		case file.bytes != db.Bytes:
			wrong = append(wrong, fmt.Errorf("%s has %d bytes, and should have %d", db.File, file.bytes, db.Bytes))
		case file.sha256 != db.SHA256:
			wrong = append(wrong, fmt.Errorf("%s is damaged: its checksum is not the one in %s", db.File, manifestName))
		}
	}
	for name := range found {
		wrong = append(wrong, fmt.Errorf("%s is not in %s", name, manifestName))
	}
	return &m, errors.Join(wrong...)
}
