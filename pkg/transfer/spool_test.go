package transfer

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// read is [Read] for a test; the error is also that of the lines.
func read(t *testing.T, body io.Reader) (*Spool, error) {
	t.Helper()
	s, err := Read(body, t.TempDir(), document.Limits{})
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, s.wrong.err()
}

// letters gives so many of them without having them.
func letters(n int64) io.Reader { return io.LimitReader(endless{}, n) }

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a'
	}
	return len(p), nil
}

// TestLongLines: neither a line nor a row may be as long as it likes.
func TestLongLines(t *testing.T) {
	for name, begin := range map[string]string{
		"a line": "{\"callflowd_export\":1}\n{\"id\":\"", "a row": `{"rows":[{"doc":{"_id":"`, "before the rows": `{"`,
	} {
		_, err := read(t, io.MultiReader(strings.NewReader(begin), letters(3*maxLine)))
		if !problem.Is(err, problem.Invalid) || !strings.Contains(toText(err), "maxLength") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// toText is what a client hears of an error.
func toText(err error) string {
	var out strings.Builder
	for path, codes := range problem.AsError(err).Data {
		rules, _ := codes.(map[string]any)
		for code := range rules {
			out.WriteString(path + " " + code + "\n")
		}
	}
	return out.String()
}

// TestReadArchive reads what archives have, in whatever order their files come
// and whatever else they hold.
func TestReadArchive(t *testing.T) {
	line := `{"callflowd_export":1}` + "\n" + `{"id":"m/1","type":"media","data":{},"attachments":{"a b.mp3":{"content_type":"audio/mp3","length":3,"digest":"md5-x"}}}`
	file := "attachments/m%2F1/a%20b.mp3"
	for _, tt := range []struct {
		name  string
		files [][2]string
		want  string // "" where nothing is wrong
	}{
		{"as it is written", [][2]string{{linesName, line}, {file, "ID3"}}, ""},
		{"as tar ./ makes it", [][2]string{{"./" + linesName, line}, {"./" + file, "ID3"}, {"./README", "x"}}, ""},
		{"a file that is missing", [][2]string{{linesName, line}}, "2.attachments.a b%2Emp3 required\n"},
		{"another file", [][2]string{{linesName, line}, {file, "ID34"}}, "2.attachments.a b%2Emp3 invalid\n"},
		{"no lines", [][2]string{{"other", "x"}}, "body invalid\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var body bytes.Buffer
			w := tar.NewWriter(&body)
			for _, f := range tt.files {
				if err := errors.Join(w.WriteHeader(&tar.Header{Name: f[0], Size: int64(len(f[1])), Mode: 0o600}), writeAll(w, f[1])); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			s, err := read(t, &body)
			if got := toText(err); got != tt.want {
				t.Fatalf("wrong is %q, want %q (%v)", got, tt.want, err)
			}
			if tt.want == "" {
				data, err := s.load(s.files[file].span)
				if err != nil || string(data) != "ID3" {
					t.Errorf("%q, %v", data, err)
				}
			}
		})
	}
}

func writeAll(w io.Writer, text string) error {
	_, err := io.WriteString(w, text)
	return err
}

// TestSpoolLeavesNothing: the file has no name, or loses it in the end.
func TestSpoolLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	s, err := Read(strings.NewReader(`{"callflowd_export":1}`), dir, document.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	if _, err := Read(strings.NewReader(""), dir+"/nowhere", document.Limits{}); !problem.Is(err, problem.Unavailable) {
		t.Errorf("no directory: %v", err)
	}
}
