package transfer

import (
	"bufio"
	"bytes"
	"crypto/md5" //nolint:gosec // CouchDB's digest of an attachment
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/callflowd/callflowd/pkg/callflow"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// Spool is a body that is to be imported, in a file that nobody else sees. In
// memory is only what is needed to find its documents.
type Spool struct {
	file  *os.File
	limit document.Limits
	end   int64
	line  int // being read
	tar   bool
	docs  []*entry
	byID  map[string]*entry
	files map[string]*attached // that were in the archive, by id and name
	wrong problems
}

// span is a part of the file.
type span struct {
	at     int64
	length int64
}

// entry is a document of the body.
type entry struct {
	span
	line   int
	id     string // that it will have
	kind   string // pvt_type
	past   []span
	files  map[string]File
	action string
}

// attached is an attachment of the body.
type attached struct {
	span
	digest string
}

// File describes an attachment.
type File struct {
	ContentType string `json:"content_type"`
	Length      int64  `json:"length"`
	Digest      string `json:"digest"` // md5- and the MD5 in base64, as CouchDB writes it
}

// maxLine is how long a line of an export or a row of a dump may be.
const maxLine = 16 << 20

// Read reads a body to its end: JSON Lines, a tar archive, or a CouchDB dump.
// What is wrong with its lines is told by [Importer.Run]; the error is that of
// a body that is none of the three, or cannot be read. dir is for the file, ""
// for the system's directory.
func Read(body io.Reader, dir string, limit document.Limits) (*Spool, error) {
	file, err := hidden(dir)
	if err != nil {
		return nil, err
	}
	s := &Spool{file: file, limit: limit, byID: map[string]*entry{}, files: map[string]*attached{}}
	if err := s.read(body); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// hidden makes a file that is gone when it is closed, or when the process ends.
// Where a file that is open cannot be removed, its name stays.
func hidden(dir string) (*os.File, error) {
	file, err := os.CreateTemp(dir, "transfer-*.tmp")
	if err != nil {
		return nil, &problem.Error{Code: problem.Unavailable, Msg: "keep the documents of a transfer", Err: err}
	}
	_ = os.Remove(file.Name())
	return file, nil
}

// Close forgets the body.
func (s *Spool) Close() error {
	err := s.file.Close()
	_ = os.Remove(s.file.Name()) // mostly gone already
	return err
}

// magic is what a tar archive has behind the first file's name and numbers.
const magic, magicAt = "ustar", 257

func (s *Spool) read(body io.Reader) error {
	r := bufio.NewReaderSize(body, 1<<20)
	first, err := r.Peek(magicAt + len(magic))
	if err != nil && !errors.Is(err, io.EOF) {
		return readFailed(err)
	}
	switch {
	case len(first) > magicAt && string(first[magicAt:]) == magic:
		s.tar = true
		err = s.readArchive(r)
	case bytes.Contains(first, []byte(`"callflowd_export"`)):
		err = s.readLines(r)
	default:
		err = s.readDump(r)
	}
	if err != nil {
		return err
	}
	s.judgeFiles()
	if s.wrong.full() {
		return nil
	}
	_, err = io.Copy(io.Discard, r) // so that the client can read the answer
	return readFailed(err)
}

// readFailed classifies an error of reading the body. One that is classified
// already stays as it is.
func readFailed(err error) error {
	var known *problem.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	return &problem.Error{Code: problem.ParseError, Data: map[string]any{"message": "the request body could not be read"}, Err: err}
}

// noForm is the error for a body that is not what it seemed to be.
func noForm(err error) error {
	var known *problem.Error
	if errors.As(err, &known) {
		return err
	}
	return problem.Validation([]problem.Violation{{
		Path: "body", Code: "invalid",
		Message: "the body is neither an export, as JSON Lines or tar, nor a dump of _all_docs?include_docs=true",
	}})
}

// readLines reads JSON Lines.
func (s *Spool) readLines(r io.Reader) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 1<<16), maxLine)
	for s.line = 1; !s.wrong.full() && lines.Scan(); s.line++ {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		if err := s.readLine(lines.Bytes()); err != nil {
			return err
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		s.wrong.say(s.line, "", "", "maxLength", fmt.Sprintf("a line has at most %d bytes", maxLine))
		return nil
	}
	return readFailed(lines.Err())
}

// decode reads a JSON object within the limits.
func (s *Spool) decode(raw []byte) (document.Doc, bool) {
	v, err := document.Decode(raw, s.limit)
	if err != nil {
		s.wrong.say(s.line, "", "", "invalid", "no JSON: "+err.Error())
		return nil, false
	}
	m, ok := v.(map[string]any)
	if !ok {
		s.wrong.say(s.line, "", "", "type", "a line is a JSON object")
	}
	return m, ok
}

func (s *Spool) readLine(raw []byte) error {
	m, ok := s.decode(raw)
	if !ok {
		return nil
	}
	if s.line == 1 {
		if m["callflowd_export"] != json.Number("1") {
			s.wrong.say(1, "", "callflowd_export", "enum", fmt.Sprintf("version %v of the form is not known", m["callflowd_export"]))
		}
		return nil
	}
	data := m.Object("data")
	if data == nil {
		s.wrong.say(s.line, m.String("id"), "data", "required", "a line has the public fields of a document in data")
		return nil
	}
	if of := m.String("history_of"); of != "" {
		return s.addPast(of, m)
	}
	files, ok := filesOf(m.Object("attachments"))
	if !ok {
		s.wrong.say(s.line, m.String("id"), "attachments", "type", "an attachment has content_type, length and digest")
		return nil
	}
	return s.add(Line{ID: m.String("id"), Type: m.String("type"), Data: data, Attachments: files})
}

// filesOf reads the attachments of a line.
func filesOf(m map[string]any) (map[string]File, bool) {
	var out map[string]File
	raw, err := json.Marshal(m)
	if err == nil {
		err = json.Unmarshal(raw, &out)
	}
	return out, err == nil
}

// add keeps a document.
func (s *Spool) add(l Line) error {
	switch first := s.byID[l.ID]; {
	case l.ID == "":
		s.wrong.say(s.line, "", "id", "required", "a document needs an id")
		return nil
	case first != nil:
		s.wrong.say(s.line, l.ID, "id", "unique", fmt.Sprintf("line %d has the id %s too: it is there twice", first.line, l.ID))
		return nil
	}
	at, err := s.keep(l.Data)
	if err != nil {
		return err
	}
	e := &entry{span: at, line: s.line, id: l.ID, kind: l.Type, files: l.Attachments}
	s.docs, s.byID[l.ID] = append(s.docs, e), e
	return nil
}

// addPast keeps an older version, whose callflow stands before it.
func (s *Spool) addPast(of string, m document.Doc) error {
	e := s.byID[of]
	if e == nil || e.kind != callflowType {
		s.wrong.say(s.line, of, "history_of", "invalid", "an older version stands after its callflow; there is no callflow "+of+" before it")
		return nil
	}
	p := pastOf(m)
	if wrong := p.Check(); wrong != "" {
		s.wrong.say(s.line, of, "", "invalid", wrong)
		return nil
	}
	at, err := s.keep(m)
	e.past = append(e.past, at)
	return err
}

// pastOf is a line about an older version.
func pastOf(m document.Doc) callflow.Past {
	p := callflow.Past{Revision: m.String("revision"), Action: m.String("action"), Data: m.Object("data")}
	p.At, _ = time.Parse(time.RFC3339, m.String("at")) // zero where it is not known
	return p
}

// keep writes JSON to the file.
func (s *Spool) keep(v any) (span, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return span{}, err
	}
	return s.write(raw)
}

func (s *Spool) write(raw []byte) (span, error) {
	n, err := s.file.WriteAt(raw, s.end)
	out := span{s.end, int64(n)}
	s.end += int64(n)
	if err != nil {
		return span{}, &problem.Error{Code: problem.Unavailable, Msg: "keep the documents of a transfer", Err: err}
	}
	return out, nil
}

// keepFile copies an attachment to the file.
func (s *Spool) keepFile(r io.Reader) (*attached, error) {
	at, sum := s.end, md5.New() //nolint:gosec // CouchDB's
	const chunk = 1 << 16
	buf := make([]byte, chunk)
	for {
		n, err := io.ReadFull(r, buf)
		sum.Write(buf[:n])
		if _, failed := s.write(buf[:n]); failed != nil {
			return nil, failed
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return &attached{span{at, s.end - at}, "md5-" + base64.StdEncoding.EncodeToString(sum.Sum(nil))}, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// load reads a part of the file.
func (s *Spool) load(of span) ([]byte, error) {
	raw := make([]byte, of.length)
	if _, err := s.file.ReadAt(raw, of.at); err != nil {
		return nil, &problem.Error{Code: problem.Unavailable, Msg: "read the documents of a transfer", Err: err}
	}
	return raw, nil
}

func (s *Spool) object(of span) (document.Doc, error) {
	raw, err := s.load(of)
	if err != nil {
		return nil, err
	}
	var doc document.Doc
	return doc, json.Unmarshal(raw, &doc)
}
