package content

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// filled returns a spool with data, written in parts of a size.
func filled(t *testing.T, dir string, data []byte, part int) *Spool {
	t.Helper()
	s := NewSpool(dir)
	for len(data) > 0 {
		n := min(part, len(data))
		if wrote, err := s.Write(data[:n]); wrote != n || err != nil {
			t.Fatal(wrote, err)
		}
		data = data[n:]
	}
	return s
}

func TestSpool(t *testing.T) {
	large := bytes.Repeat([]byte("0123456789"), inMemory/10+1)
	tests := []struct {
		name   string
		data   []byte
		part   int
		inFile bool
	}{
		{"nothing", nil, 1, false},
		{"a few", []byte("abc"), 2, false},
		{"as many as stay in memory", large[:inMemory], 1000, false},
		{"one more", large[:inMemory+1], 1000, true},
		{"many at once", large, len(large), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "made when needed")
			s := filled(t, dir, tt.data, tt.part)
			for range 2 {
				if got, err := io.ReadAll(s.Reader()); !bytes.Equal(got, tt.data) || err != nil {
					t.Errorf("%d bytes, want %d: %v", len(got), len(tt.data), err)
				}
			}
			sum, sha := md5.Sum(tt.data), sha256.Sum256(tt.data)
			if !bytes.Equal(s.MD5(), sum[:]) || !bytes.Equal(s.SHA256(), sha[:]) || s.Size() != int64(len(tt.data)) || s.InFile() != tt.inFile {
				t.Errorf("size %d, in a file: %t, or a sum is wrong", s.Size(), s.InFile())
			}
			s.Close()
			if left, _ := os.ReadDir(dir); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// TestSpoolOf makes the sums of bytes that came whole.
func TestSpoolOf(t *testing.T) {
	data := bytes.Repeat([]byte("x"), 2*inMemory)
	one, two := SpoolOf(data), filled(t, t.TempDir(), data, 5000)
	defer two.Close()
	if !bytes.Equal(one.MD5(), two.MD5()) || !bytes.Equal(one.SHA256(), two.SHA256()) || one.Size() != two.Size() || one.InFile() {
		t.Error("not the same as the bytes written one after the other")
	}
}

// TestNoRoom tells a failure of the file by its type.
func TestNoRoom(t *testing.T) {
	blocked := filepath.Join(t.TempDir(), "a file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := NewSpool(blocked)
	var failed *SpoolError
	if _, err := s.Write(make([]byte, inMemory+1)); !errors.As(err, &failed) {
		t.Errorf("%v", err)
	}
}
