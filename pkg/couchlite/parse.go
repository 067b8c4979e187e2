package couchlite

import (
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/callflowd/callflowd/pkg/couchlite/ejson"
	"github.com/callflowd/callflowd/pkg/couchlite/revtree"
)

// parseDocument reads a document as a client sends it. Its id and the
// revision it names, if any, end up in id and base; path holds _revisions,
// which count for more than _rev.
func parseDocument(raw []byte, maxSize int64) (*edit, error) {
	body, special, err := ejson.Split(raw)
	if errors.Is(err, ejson.ErrNotObject) {
		return nil, badRequest("Document must be a JSON object")
	}
	if err != nil {
		return nil, badRequest("invalid UTF-8 JSON")
	}
	e := &edit{body: body}
	for _, m := range special {
		if err := e.setSpecial(m); err != nil {
			return nil, err
		}
	}
	if int64(len(e.body)) > maxSize {
		return nil, fail(http.StatusRequestEntityTooLarge, "document_too_large", e.id)
	}
	if len(e.path.Hashes) > 0 {
		e.base = e.path.Rev()
	}
	return e, nil
}

func errIDType() *failure {
	return fail(http.StatusBadRequest, "illegal_docid", "Document id must be a string")
}

func docInvalid(reason string) *failure {
	return fail(http.StatusBadRequest, "doc_validation", reason)
}

// setSpecial takes one underscore member.
func (e *edit) setSpecial(m ejson.Member) error {
	switch m.Name {
	case "_id":
		if json.Unmarshal(m.Value, &e.id) != nil || m.Value[0] != '"' {
			return errIDType()
		}
		return checkID(e.id)
	case "_rev":
		var rev string
		if json.Unmarshal(m.Value, &rev) != nil || m.Value[0] != '"' {
			return errRev()
		}
		return e.setBase(rev)
	case "_deleted":
		e.deleted = string(m.Value) == "true"
		if !e.deleted && string(m.Value) != "false" {
			return docInvalid("Bad special document member: _deleted")
		}
	case "_revisions":
		return e.setPath(m.Value)
	case "_attachments":
		return e.setAttachments(m.Value)
	case "_revs_info", "_local_seq", "_conflicts", "_deleted_conflicts":
	case "_replication_id", "_replication_state", "_replication_state_time", "_replication_state_reason", "_replication_stats":
		e.body = appendMember(e.body, m)
	default:
		return docInvalid("Bad special document member: " + m.Name)
	}
	return nil
}

func appendMember(body []byte, m ejson.Member) []byte {
	body = body[:len(body)-1]
	if len(body) > 1 {
		body = append(body, ',')
	}
	body = append(ejson.AppendString(body, m.Name), ':')
	return append(append(body, m.Value...), '}')
}

// setBase names the revision that the edit follows, or with new_edits=false
// is.
func (e *edit) setBase(rev string) error {
	r, err := revtree.ParseRev(rev)
	if err != nil {
		return errRev()
	}
	e.base = r
	return nil
}

// maxRevisions bounds _revisions.
const maxRevisions = 10_000

// setPath reads _revisions. Generations below the first are left out.
func (e *edit) setPath(raw []byte) error {
	var r struct{ Start, IDs json.RawMessage }
	if json.Unmarshal(raw, &r) != nil {
		return docInvalid("Bad special document member: _revisions")
	}
	var p revtree.Path
	if json.Unmarshal(r.Start, &p.Gen) != nil {
		return docInvalid("_revisions.start isn't an integer.")
	}
	var hashes []json.RawMessage
	if json.Unmarshal(r.IDs, &hashes) != nil || len(hashes) > maxRevisions {
		return docInvalid("_revisions.ids isn't a array.")
	}
	for i, raw := range hashes[:min(len(hashes), max(p.Gen, 1))] {
		var hash string
		if json.Unmarshal(raw, &hash) != nil {
			return docInvalid("RevId isn't a string")
		}
		rev, err := revtree.NewRev(p.Gen-i, hash)
		if err != nil {
			return docInvalid("RevId isn't a valid hexadecimal")
		}
		p.Hashes = append(p.Hashes, rev.Hash)
	}
	if p.Valid() {
		e.path = p
	}
	return nil
}

// setAttachments reads _attachments. Members that are no objects are passed
// over, as CouchDB does.
func (e *edit) setAttachments(raw []byte) error {
	var given map[string]json.RawMessage
	_, names, err := ejson.Members(raw)
	if err != nil || json.Unmarshal(raw, &given) != nil {
		return docInvalid("Bad special document member: _attachments")
	}
	for _, name := range names {
		if given[name][0] != '{' {
			continue
		}
		a, err := parseAttachment(name, given[name])
		if err != nil {
			return err
		}
		e.attachments = append(e.attachments, a)
	}
	return nil
}

// parseAttachment reads one attachment of a document: inline bytes, a stub,
// or one that follows in another part of the request.
func parseAttachment(name string, raw []byte) (attachment, error) {
	var given struct {
		Type     any     `json:"content_type"`
		Encoding any     `json:"encoding"`
		Data     *string `json:"data"`
		Stub     any     `json:"stub"`
		Follows  any     `json:"follows"`
		RevPos   any     `json:"revpos"`
	}
	if err := checkAttachmentName(name); err != nil {
		return attachment{}, err
	}
	bad := badRequest("Invalid attachment data for " + name)
	if json.Unmarshal(raw, &given) != nil {
		return attachment{}, bad
	}
	a := attachment{Name: name, Type: defaultType, stub: given.Stub == true, follows: given.Follows == true, gzipped: given.Encoding == "gzip"}
	if kind, ok := given.Type.(string); ok {
		a.Type = kind
	}
	if at, ok := given.RevPos.(float64); ok && at > 0 && at <= math.MaxInt32 {
		a.RevPos = int(at)
	}
	if a.stub || a.follows {
		a.follows = !a.stub
		return a, nil
	}
	if given.Data == nil {
		return attachment{}, bad
	}
	data, err := base64.StdEncoding.DecodeString(strings.Map(dropSpace, *given.Data))
	if err == nil && a.gzipped {
		data, err = gunzip(data, maxInflated)
	}
	if err != nil {
		return attachment{}, bad
	}
	a.setData(data)
	return a, nil
}

// defaultType is the content type of an attachment that came without.
const defaultType = "application/octet-stream"

func checkAttachmentName(name string) error {
	switch {
	case strings.HasPrefix(name, "_"):
		return badRequest("Attachment name '" + name + "' starts with prohibited character '_'")
	case !utf8.ValidString(name):
		return badRequest("Attachment name is not UTF-8 encoded")
	}
	return nil
}

// dropSpace leaves out the white space that base64 may be broken into.
func dropSpace(c rune) rune {
	if c == ' ' || c == '\t' || c == '\r' || c == '\n' {
		return -1
	}
	return c
}

// maxInflated bounds an attachment that comes compressed inside a document.
const maxInflated = 64 << 20

// gunzip unpacks at most limit bytes.
func gunzip(packed []byte, limit int64) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(z, limit+1))
	if err == nil && int64(len(data)) > limit {
		return nil, errTooLarge()
	}
	return data, err
}

// setData gives the attachment its bytes.
func (a *attachment) setData(data []byte) {
	sum := md5.Sum(data)
	a.data, a.MD5, a.Length = data, sum[:], int64(len(data))
}

// maxID bounds a document's id, so that it fits a URL.
const maxID = 7168

// checkID refuses ids that CouchDB refuses.
func checkID(id string) error {
	switch {
	case id == "":
		return fail(http.StatusBadRequest, "illegal_docid", "Document id must not be empty")
	case len(id) > maxID:
		return fail(http.StatusBadRequest, "illegal_docid", "Document id is too long")
	case id == "_design/" || id == "_local/":
		return fail(http.StatusBadRequest, "illegal_docid", "Illegal document id `"+id+"`")
	case !utf8.ValidString(id):
		return fail(http.StatusBadRequest, "illegal_docid", "Document id must be valid UTF-8")
	case id[0] == '_' && !strings.HasPrefix(id, "_design/") && !strings.HasPrefix(id, "_local/"):
		return fail(http.StatusBadRequest, "illegal_docid", "Only reserved document ids may start with underscore.")
	}
	return nil
}
