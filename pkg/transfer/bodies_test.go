package transfer

import (
	"archive/tar"
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/problem"
)

// packed is a tar archive of files, names and contents in turn.
func packed(t *testing.T, files ...string) string {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for i := 0; i < len(files); i += 2 {
		if err := w.WriteHeader(&tar.Header{Name: files[i], Size: int64(len(files[i+1])), Mode: fileMode}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, files[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestBodies reads bodies that people send. Those that are wrong say in which
// line, at which path, and by which rule.
func TestBodies(t *testing.T) {
	const first = `{"callflowd_export":1,"account":"a"}` + "\n"
	const flow = `{"id":"x","type":"callflow","data":{}}` + "\n"
	const filed = `{"id":"x","type":"media","data":{},"attachments":{"a b.mp3":{"content_type":"audio/mpeg","length":3,"digest":"md5-x"}}}` + "\n"
	tests := []struct {
		name, body string
		docs       int
		wrong      string // "form" where the body is none at all
	}{
		{"only the header", first, 0, ""},
		{"a document", first + flow, 1, ""},
		{"no line break at the end", first + strings.TrimSpace(flow), 1, ""},
		{"line breaks of Windows", strings.ReplaceAll(first+flow, "\n", "\r\n"), 1, ""},
		{"empty lines", first + "\n" + flow + "\n\n", 1, ""},
		{"nothing", "", 0, "form"},
		{"no JSON", "hello", 0, "form"},
		{"a later version", `{"callflowd_export":2}` + "\n" + flow, 1, "1.callflowd_export enum\n"},
		{"an archive", packed(t, linesName, first+flow), 1, ""},
		{"an archive packed by hand", packed(t, "./"+linesName, first+flow), 1, ""},
		{"an archive without lines", packed(t, "readme", "x"), 0, "form"},
		{"an empty archive", packed(t), 0, "form"},
		{"an archive cut short", packed(t, linesName, first+strings.Repeat(" \n", 1000))[:1000], 0, "form"},
		{"files in the archive", packed(t, linesName, first+filed, "attachments/x/a%20b.mp3", "abc", "readme", "passed over"), 1, ""},
		{"a file of another length", packed(t, linesName, first+filed, "attachments/x/a%20b.mp3", "abcd"), 1, "2.attachments.a b%2Emp3 invalid\n"},
		{"a file of another name", packed(t, linesName, first+filed, "attachments/x/a b.mp3", "abc"), 1, "2.attachments.a b%2Emp3 required\n"},
		{"no file", packed(t, linesName, first+filed), 1, "2.attachments.a b%2Emp3 required\n"},
		{"files without the archive", first + filed, 1, "2.attachments.a b%2Emp3 required\n"},
		{"the same id twice", first + flow + flow, 1, "3.id unique\n"},
		{"a line that is no JSON", first + "{\n" + flow, 1, "2 invalid\n"},
		{"a line that is no object", first + "[]\n" + flow, 1, "2 type\n"},
		{"no id", first + `{"type":"callflow","data":{}}` + "\n", 0, "2.id required\n"},
		{"no data", first + `{"id":"x","type":"callflow"}` + "\n", 0, "2.data required\n"},
		{"history of nothing", first + `{"history_of":"y","revision":"1-a","action":"x","data":{}}` + "\n", 0, "2.history_of invalid\n"},
		{"history", first + flow + `{"history_of":"x","revision":"1-0123456789abcdef0123456789abcdef","action":"updated","at":"2020-01-01T00:00:00Z","data":{}}` + "\n", 1, ""},
		{"history with another action", first + flow + `{"history_of":"x","revision":"1-0123456789abcdef0123456789abcdef","action":"looked at","data":{}}` + "\n", 1, "3 invalid\n"},
		{"history with a strange revision", first + flow + `{"history_of":"x","revision":"1-a","action":"updated","data":{}}` + "\n", 1, "3 invalid\n"},
		{"two headers", first + first + flow, 1, "2.data required\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := read(t, strings.NewReader(tt.body))
			if s == nil {
				if tt.wrong != "form" || !problem.Is(err, problem.ParseError) && !problem.Is(err, problem.Invalid) {
					t.Errorf("refused: %v %s", err, toText(err))
				}
				return
			}
			var wrong string
			if err != nil {
				lines := strings.SplitAfter(toText(err), "\n")
				slices.Sort(lines)
				wrong = strings.Join(lines, "")
			}
			if len(s.docs) != tt.docs || wrong != tt.wrong {
				t.Errorf("%d documents, %q, want %d, %q", len(s.docs), wrong, tt.docs, tt.wrong)
			}
		})
	}
}

// TestTooManyWrongLines stops after as many as are told of, and says so.
func TestTooManyWrongLines(t *testing.T) {
	const first = `{"callflowd_export":1}` + "\n"
	for _, n := range []int{1, mostWrong - 1, mostWrong, 3 * mostWrong} {
		_, err := read(t, strings.NewReader(first+strings.Repeat("[]\n", n)))
		data := problem.AsError(err).Data
		_, stopped := data["lines"]
		told := len(data)
		if stopped {
			told--
		}
		if told != min(n, mostWrong) || stopped != (n >= mostWrong) {
			t.Errorf("%d wrong lines: %d are told of, stopped %t", n, told, stopped)
		}
	}
}
