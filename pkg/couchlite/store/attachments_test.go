package store

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/callflowd/callflowd/pkg/couchlite/deflate"
	"github.com/callflowd/callflowd/pkg/couchlite/fault"
	"github.com/callflowd/callflowd/pkg/couchlite/revtree"
)

// modelAttachment is an attachment of one revision in the model.
type modelAttachment struct {
	data   []byte
	kind   string
	revPos int
}

// stored is how CouchDB keeps the bytes: text is compressed.
func (m *attachmentModel) stored(a modelAttachment) []byte {
	if !strings.HasPrefix(a.kind, "text/") {
		return a.data
	}
	if m.packed[len(a.data)] == nil {
		m.packed[len(a.data)] = deflate.Gzip(a.data)
	}
	return m.packed[len(a.data)]
}

// attachmentModel is the line of revisions of each document, oldest first, with
// the attachments of each.
type attachmentModel struct {
	t    *testing.T
	rt   *rapid.T
	db   *Database
	docs map[string][]attachedRev
	n    int

	all    [][]byte
	packed map[int][]byte // compressed contents, by length
}

type attachedRev struct {
	rev  revtree.Rev
	has  bool // not compacted
	list map[string]modelAttachment
}

// contents are what attachments are made of. The last is large enough for pieces.
func contents() [][]byte {
	large := make([]byte, 257<<10)
	r := rand.NewChaCha8([32]byte{1})
	_, _ = r.Read(large)
	list := [][]byte{{}}
	for n := range 8 {
		list = append(list, []byte(strings.Repeat("some text ", 1+n*n)))
	}
	return append(list, large)
}

// TestAttachments writes random revisions that keep, replace, add and drop
// attachments, locally and by replication, and compares all of them with a model.
// A compaction leaves the bytes that are still named, each once.
func TestAttachments(t *testing.T) {
	all, packed := contents(), map[int][]byte{}
	eachRun(t, func(rt *rapid.T, db *Database) {
		m := &attachmentModel{t: t, rt: rt, db: db, all: all, packed: packed, docs: map[string][]attachedRev{}}
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			id := rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "id")
			switch rapid.SampledFrom([]string{"write", "write", "write", "replicate", "stub of nothing", "compact"}).Draw(rt, "step") {
			case "write":
				m.write(id, false)
			case "replicate":
				m.write(id, true)
			case "stub of nothing":
				m.refused(id)
			case "compact":
				m.compact()
			}
		}
		m.check()
	})
}

func (m *attachmentModel) winner(id string) attachedRev {
	if line := m.docs[id]; len(line) > 0 {
		return line[len(line)-1]
	}
	return attachedRev{}
}

// draw makes the attachments of the next revision and their JSON.
func (m *attachmentModel) draw(had map[string]modelAttachment, gen int) (list map[string]modelAttachment, text []string) {
	list = map[string]modelAttachment{}
	for _, name := range []string{"x", "y/ü", "z"} {
		old, known := had[name]
		switch what := rapid.IntRange(0, 3).Draw(m.rt, name); {
		case what == 0 && known:
			list[name] = old
			text = append(text, fmt.Sprintf(`%q:{"stub":true,"revpos":%d,"content_type":"no/matter"}`, name, old.revPos))
		case what == 1:
			a := modelAttachment{rapid.SampledFrom(m.all).Draw(m.rt, "data"), rapid.SampledFrom([]string{"text/plain", "audio/mpeg"}).Draw(m.rt, "type"), gen}
			list[name] = a
			text = append(text, fmt.Sprintf(`%q:{"content_type":%q,"data":%q}`, name, a.kind, base64.StdEncoding.EncodeToString(a.data)))
		}
	}
	return list, text
}

// write adds a revision to a document.
func (m *attachmentModel) write(id string, replicated bool) {
	m.n++
	last := m.winner(id)
	list, text := m.draw(last.list, last.rev.Gen+1)
	e, err := ParseDocument(fmt.Appendf(nil, `{"_id":%q,"n":%d,"_attachments":{%s}}`, id, m.n, strings.Join(text, ",")), 1<<20)
	if err != nil {
		m.rt.Fatal(err)
	}
	e.Base = last.rev
	if replicated {
		e.Path = revtree.Path{Gen: last.rev.Gen + 1, Hashes: []string{fmt.Sprintf("%032x", m.n)}}
		if last.rev.Gen > 0 {
			e.Path.Hashes = append(e.Path.Hashes, last.rev.Hash)
		}
		err = e.KeepRevision()
	}
	if err == nil {
		err = m.db.SaveAll(m.t.Context(), []*Edit{e}, make([]error, 1))
	}
	if err != nil || e.Rev.Gen != last.rev.Gen+1 {
		m.rt.Fatalf("%s after %s: %s %v", id, last.rev, e.Rev, err)
	}
	m.docs[id] = append(m.docs[id], attachedRev{e.Rev, true, list})
}

// refused sends a stub of an attachment that the document never had.
func (m *attachmentModel) refused(id string) {
	e, err := ParseDocument([]byte(`{"_attachments":{"never":{"stub":true}}}`), 1000)
	if err != nil {
		m.rt.Fatal(err)
	}
	e.ID, e.Base = id, m.winner(id).rev
	before := *m.db.Current()
	err = m.db.Save(m.t.Context(), e)
	want := "missing_stub: Invalid attachment stub in " + id + " for never"
	if f := fault.As(err); err == nil || f.Status != 412 || f.Error() != want || *m.db.Current() != before {
		m.rt.Errorf("a stub of nothing: %v, want %s", err, want)
	}
}

func (m *attachmentModel) compact() {
	if err := m.db.compact(make(chan struct{})); err != nil {
		m.rt.Fatal(err)
	}
	kept := map[string]bool{}
	for _, line := range m.docs {
		for i := range line {
			line[i].has = i == len(line)-1
		}
		for _, a := range line[len(line)-1].list {
			kept[string(m.stored(a))] = true
		}
	}
	pieces := 0
	for data := range kept {
		if len(data) > 256<<10 {
			pieces += 2
		}
	}
	if n := count(m.t, m.db, `SELECT count(*) FROM attachments`); n != len(kept) {
		m.rt.Errorf("%d contents are kept of %d", n, len(kept))
	}
	if count(m.t, m.db, `SELECT count(*) FROM sqlite_master WHERE name = 'pieces'`) > 0 {
		if n := count(m.t, m.db, `SELECT count(*) FROM pieces`); n != pieces {
			m.rt.Errorf("%d pieces are kept of %d", n, pieces)
		}
	}
}

// check reads every revision that has its content: with stubs, with the bytes of
// all attachments, and with those that are newer than a revision.
func (m *attachmentModel) check() {
	for id, line := range m.docs {
		for i, r := range line {
			if !r.has {
				continue
			}
			m.shows(id, r, DocOptions{Encodings: true}, func(a modelAttachment) string {
				if strings.HasPrefix(a.kind, "text/") {
					return fmt.Sprintf(`"length":%d,"stub":true,"encoding":"gzip","encoded_length":%d`, len(a.data), len(m.stored(a)))
				}
				return fmt.Sprintf(`"length":%d,"stub":true`, len(a.data))
			})
			inline := func(a modelAttachment) string {
				return fmt.Sprintf(`"data":%q`, base64.StdEncoding.EncodeToString(a.data))
			}
			m.shows(id, r, DocOptions{Attachments: true}, inline)
			m.shows(id, r, DocOptions{Attachments: true, Follows: true}, func(a modelAttachment) string {
				return fmt.Sprintf(`"length":%d,"follows":true`, len(a.data))
			})
			since := line[rapid.IntRange(0, i).Draw(m.rt, "since")].rev
			unknown := revtree.Rev{Gen: 99, Hash: "ffff"}
			m.shows(id, r, DocOptions{AttsSince: []revtree.Rev{unknown, since}}, func(a modelAttachment) string {
				if a.revPos > since.Gen {
					return inline(a)
				}
				return fmt.Sprintf(`"length":%d,"stub":true`, len(a.data))
			})
		}
	}
}

// shows compares the attachments of one revision with what the rest of each
// member should be.
func (m *attachmentModel) shows(id string, r attachedRev, o DocOptions, rest func(modelAttachment) string) {
	raw, _, err := m.db.DocBody(m.t.Context(), id, r.rev.String(), o)
	var doc struct {
		Attachments map[string]json.RawMessage `json:"_attachments"`
	}
	if err != nil || json.Unmarshal(raw, &doc) != nil {
		m.rt.Fatalf("%s %s: %.200s %v", id, r.rev, raw, err)
	}
	if !slices.Equal(slices.Sorted(maps.Keys(doc.Attachments)), slices.Sorted(maps.Keys(r.list))) {
		m.rt.Errorf("%s %s has %v, want %v", id, r.rev, slices.Sorted(maps.Keys(doc.Attachments)), slices.Sorted(maps.Keys(r.list)))
	}
	for name, a := range r.list {
		want := fmt.Sprintf(`{"content_type":%q,"revpos":%d,"digest":%q,%s}`, a.kind, a.revPos, digestOf(m.stored(a)), rest(a))
		if got := doc.Attachments[name]; !bytes.Equal(got, []byte(want)) {
			m.rt.Errorf("%s %s %s: %.200s\nwant %.200s", id, r.rev, name, got, want)
		}
	}
}

// TestAttachmentRefusals holds the text and status of each refusal.
func TestAttachmentRefusals(t *testing.T) {
	for members, want := range map[string]string{
		`[]`:                             "400 doc_validation: Bad special document member: _attachments",
		`"x"`:                            "400 doc_validation: Bad special document member: _attachments",
		`{"_a":{"data":""}}`:             "400 bad_request: Attachment name '_a' starts with prohibited character '_'",
		`{"a":{}}`:                       "400 bad_request: Invalid attachment data for a",
		`{"a":{"data":3}}`:               "400 bad_request: Invalid attachment data for a",
		`{"a":{"data":"Q"}}`:             "400 bad_request: Invalid attachment data for a",
		`{"a":{"data":"QUJD\u000b"}}`:    "400 bad_request: Invalid attachment data for a",
		`{"a":{"stub":false}}`:           "400 bad_request: Invalid attachment data for a",
		`{"a":{"stub":1,"follows":"x"}}`: "400 bad_request: Invalid attachment data for a",
	} {
		_, err := ParseDocument([]byte(`{"_id":"d","_attachments":`+members+`}`), 1000)
		if f := fault.As(err); err == nil || fmt.Sprintf("%d %s", f.Status, f) != want {
			t.Errorf("%s: %v, want %s", members, err, want)
		}
	}
	if err := CheckAttachmentName("a\xff"); err == nil || err.Error() != "bad_request: Attachment name is not UTF-8 encoded" {
		t.Errorf("a name that is not UTF-8: %v", err)
	}
	if err := CheckAttachmentName("a_b/c d"); err != nil {
		t.Error(err)
	}
}

// TestAnnounced reads what a document says of bytes that follow it: of
// compressed ones, the compressed length counts.
func TestAnnounced(t *testing.T) {
	sum := "md5-" + base64.StdEncoding.EncodeToString([]byte("0123456789abcdef"))
	for members, want := range map[string]string{
		`"follows":true`:                                                 "-1 ",
		`"follows":true,"length":7`:                                      "7 ",
		`"follows":true,"length":7,"encoded_length":5`:                   "7 ",
		`"follows":true,"encoding":"gzip","length":7,"encoded_length":5`: "5 ",
		`"follows":true,"encoding":"gzip","length":7`:                    "-1 ",
		`"follows":true,"length":"7"`:                                    "-1 ",
		`"follows":true,"digest":"` + sum + `"`:                          "-1 0123456789abcdef",
		`"follows":true,"digest":"sha-` + sum[4:] + `"`:                  "-1 ",
		`"follows":true,"digest":"md5-%"`:                                "-1 ",
		`"follows":true,"digest":3`:                                      "-1 ",
		`"follows":true,"stub":true,"length":3`:                          "3  stub",
		`"stub":true,"revpos":2147483647`:                                "-1  stub at 2147483647",
		`"stub":true,"revpos":2147483648`:                                "-1  stub",
		`"stub":true,"revpos":-1`:                                        "-1  stub",
		`"stub":true,"revpos":"1"`:                                       "-1  stub",
		`"follows":true,"content_type":7,"revpos":1`:                     "-1  at 1",
	} {
		e, err := ParseDocument([]byte(`{"_attachments":{"a":{`+members+`}}}`), 1000)
		if err != nil {
			t.Fatalf("%s: %v", members, err)
		}
		a := e.Attachments[0]
		got := fmt.Sprintf("%d %s", a.announced.length, a.announced.md5)
		if a.stub {
			got += " stub"
		}
		if a.RevPos != 0 {
			got += fmt.Sprintf(" at %d", a.RevPos)
		}
		if got != want || a.Follows == a.stub || a.Type != DefaultType {
			t.Errorf("%s: %q follows %t as %s, want %q", members, got, a.Follows, a.Type, want)
		}
	}
}
