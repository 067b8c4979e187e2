package deflate

import (
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

// TestVectors holds the MD5 of what zlib 1.2.13 makes of some inputs.
func TestVectors(t *testing.T) {
	var squares, documents bytes.Buffer
	for i := range 100_000 {
		squares.WriteByte(byte(i * i * 7919 >> 5))
	}
	for i := range 20_000 {
		fmt.Fprintf(&documents, `{"id":%d,"n":%d},`, i, i*i%977)
	}
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	tests := []struct {
		name string
		in   []byte
		size int
		md5  string
	}{
		{"nothing", nil, 20, "7029066c27ac6f5ef18d660d5741979a"},
		{"a byte", []byte("a"), 21, "43d6024138e1f62eec0af04755d1cced"},
		{"a few", []byte("hello world"), 31, "ee6920fa73341cddbab1990b37c29548"},
		{"one byte many times", bytes.Repeat([]byte("a"), 1000), 29, "16eb70a826de6d557b509f64e1971da8"},
		{"all bytes", bytes.Repeat(all, 300), 641, "adcc1acdabc6d1a1273d8e9521ea53a5"},
		{"a sentence", []byte(strings.Repeat("The quick brown fox jumps over the lazy dog. ", 2000)), 342, "9c35032667f1861cb3e7af6161cb0d76"},
		{"squares", squares.Bytes(), 4883, "09dc9c81e20caca70f1e801823b4f0ea"},
		{"documents", documents.Bytes(), 88045, "f871f3f4b23d77240b7056a6adbb9b40"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Gzip(tt.in)
			if sum := md5.Sum(got); hex.EncodeToString(sum[:]) != tt.md5 || len(got) != tt.size {
				t.Errorf("%d bytes with MD5 %x, want %d with %s", len(got), sum, tt.size, tt.md5)
			}
		})
	}
}

// samples are inputs of many kinds and sizes.
func samples() [][]byte {
	r := rand.New(rand.NewPCG(1, 2))
	var list [][]byte
	for _, n := range []int{1, 2, 3, 10, 257, 258, 259, 262, 300, 4096, 20_000, 32_768, 65_274, 65_536, 65_537, 200_000} {
		noise, few, copies := make([]byte, n), make([]byte, n), []byte{}
		for i := range n {
			noise[i], few[i] = byte(r.Uint32()), byte('a'+r.IntN(2))
		}
		for len(copies) < n {
			if back := min(len(copies), 40_000); back > 0 && r.IntN(2) == 0 {
				from := len(copies) - 1 - r.IntN(back)
				for range 3 + r.IntN(300) {
					copies = append(copies, copies[from])
					from++
				}
			} else {
				copies = append(copies, noise[r.IntN(n):][:1]...)
			}
		}
		list = append(list, noise, few, copies[:n])
	}
	return list
}

// TestPortions holds that the portions in which the input comes do not matter.
func TestPortions(t *testing.T) {
	for i, in := range samples() {
		if i%5 != 0 {
			continue
		}
		for name, src := range map[string]io.Reader{
			"byte by byte": iotest.OneByteReader(bytes.NewReader(in)), "halves": iotest.HalfReader(bytes.NewReader(in)), "the end with the data": iotest.DataErrReader(bytes.NewReader(in)),
		} {
			var out bytes.Buffer
			if err := Pack(&out, src); err != nil || !bytes.Equal(out.Bytes(), Gzip(in)) {
				t.Errorf("%d bytes, %s: %v, or another stream", len(in), name, err)
			}
		}
	}
}

// TestFailures reports what reading and writing fail with, also where the input
// breaks off as if it ended.
func TestFailures(t *testing.T) {
	in := samples()[40]
	for _, broken := range []error{io.ErrUnexpectedEOF, io.ErrClosedPipe} {
		src := io.MultiReader(bytes.NewReader(in), iotest.ErrReader(broken))
		if err := Pack(io.Discard, src); err != broken {
			t.Errorf("%v of the input became %v", broken, err)
		}
	}
	out, in2 := io.Pipe()
	_ = out.CloseWithError(io.ErrShortWrite)
	if err := Pack(in2, bytes.NewReader(in)); err != io.ErrShortWrite {
		t.Errorf("%v of the output", err)
	}
}

// TestUnpacks holds that what is packed is a gzip stream of the input.
func TestUnpacks(t *testing.T) {
	for _, in := range samples() {
		z, err := gzip.NewReader(bytes.NewReader(Gzip(in)))
		if err != nil {
			t.Fatal(err)
		}
		if out, err := io.ReadAll(z); err != nil || !bytes.Equal(out, in) {
			t.Errorf("%d bytes come back as %d: %v", len(in), len(out), err)
		}
	}
}

// TestAgainstZlib compares with zlib itself, by way of Python.
func TestAgainstZlib(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not here to ask its zlib:", err)
	}
	const script = `
import sys, zlib
if "ng" in zlib.ZLIB_RUNTIME_VERSION:
    sys.exit(3)
for name in sys.argv[1:]:
    z = zlib.compressobj(8, zlib.DEFLATED, 31, 8)
    data = open(name, "rb").read()
    out = b"".join(z.compress(data[i:i + 4096]) for i in range(0, len(data), 4096))
    open(name + ".gz", "wb").write(out + z.flush())
`
	dir := t.TempDir()
	args := []string{"-c", script}
	for i, in := range samples() {
		path := filepath.Join(dir, fmt.Sprint(i))
		if err := os.WriteFile(path, in, 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, path)
	}
	out, err := exec.CommandContext(t.Context(), python, args...).CombinedOutput()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == 3 {
		t.Skip("Python has zlib-ng, which compresses otherwise")
	}
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for i, in := range samples() {
		want, err := os.ReadFile(filepath.Join(dir, fmt.Sprint(i)+".gz"))
		if err != nil {
			t.Fatal(err)
		}
		if got := Gzip(in); !bytes.Equal(got, want) {
			t.Errorf("sample %d of %d bytes: %d bytes, zlib %d", i, len(in), len(got), len(want))
		}
	}
}

func BenchmarkGzip(b *testing.B) {
	in := []byte(strings.Repeat("The quick brown fox jumps over the lazy dog. ", 2000))
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		Gzip(in)
	}
}
