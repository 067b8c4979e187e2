package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/callflowd/callflowd/pkg/couchlite/ejson"
	"github.com/callflowd/callflowd/pkg/couchlite/fault"
	"github.com/callflowd/callflowd/pkg/couchlite/revtree"
)

// ParseDocument reads a document as a client sends it. Its id and the
// revision it names, if any, are in ID and Base; Path holds _revisions, which
// take precedence over _rev.
func ParseDocument(raw []byte, maxSize int64) (*Edit, error) {
	body, special, err := ejson.Split(raw)
	if errors.Is(err, ejson.ErrNotObject) {
		return nil, fault.BadRequest("Document must be a JSON object")
	}
	if err != nil {
		return nil, fault.BadRequest("invalid UTF-8 JSON")
	}
	e := &Edit{Body: body}
	for _, m := range special {
		if err := e.setSpecial(m); err != nil {
			return nil, err
		}
	}
	if int64(len(e.Body)) > maxSize {
		return nil, fault.New(413, "document_too_large", e.ID)
	}
	if len(e.Path.Hashes) > 0 {
		e.Base = e.Path.Rev()
	}
	return e, nil
}

// ParseAny reads one document of _bulk_docs, local ones included.
func ParseAny(raw []byte, maxSize int64) (*Edit, error) {
	if !bytes.Contains(raw, []byte(`"_local/`)) {
		return ParseDocument(raw, maxSize)
	}
	if e, err := ParseLocal(raw, maxSize); err == nil && strings.HasPrefix(e.ID, "_local/") {
		return e, nil
	}
	return ParseDocument(raw, maxSize)
}

// ErrIDType is the 400 of an id that is no string.
func ErrIDType() *fault.Error {
	return fault.New(400, "illegal_docid", "Document id must be a string")
}

func docInvalid(reason string) *fault.Error {
	return fault.New(400, "doc_validation", reason)
}

// setSpecial takes one underscore member.
func (e *Edit) setSpecial(m ejson.Member) error {
	switch m.Name {
	case "_id":
		if json.Unmarshal(m.Value, &e.ID) != nil || m.Value[0] != '"' {
			return ErrIDType()
		}
		return CheckID(e.ID)
	case "_rev":
		var rev string
		if json.Unmarshal(m.Value, &rev) != nil || m.Value[0] != '"' {
			return fault.InvalidRev()
		}
		return e.SetBase(rev)
	case "_deleted":
		e.Deleted = string(m.Value) == "true"
		if !e.Deleted && string(m.Value) != "false" {
			return docInvalid("Bad special document member: _deleted")
		}
	case "_revisions":
		return e.setPath(m.Value)
	case "_attachments":
		return e.setAttachments(m.Value)
	case "_revs_info", "_local_seq", "_conflicts", "_deleted_conflicts":
	case "_replication_id", "_replication_state", "_replication_state_time", "_replication_state_reason", "_replication_stats":
		e.Body = appendMember(e.Body, m)
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

// maxRevisions bounds _revisions.
const maxRevisions = 10_000

// setPath reads _revisions. Generations below the first are left out.
func (e *Edit) setPath(raw []byte) error {
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
		e.Path = p
	}
	return nil
}

// ParseRevs reads a JSON array of revisions.
func ParseRevs(raw string) ([]revtree.Rev, error) {
	var list []json.RawMessage
	switch err := json.Unmarshal([]byte(raw), &list); {
	case !json.Valid([]byte(raw)):
		return nil, fault.BadRequest("invalid UTF-8 JSON")
	case err != nil || list == nil || len(list) > maxRevisions:
		return nil, fault.BadRequest("Invalid list of revisions")
	}
	revs := make([]revtree.Rev, len(list))
	for i, item := range list {
		var text string
		err := json.Unmarshal(item, &text)
		if err == nil {
			revs[i], err = revtree.ParseRev(text)
		}
		if err != nil {
			return nil, fault.InvalidRev()
		}
	}
	return revs, nil
}

// maxID bounds a document's id, so that it fits a URL.
const maxID = 7168

// CheckID refuses ids that CouchDB refuses.
func CheckID(id string) error {
	switch {
	case id == "":
		return fault.New(400, "illegal_docid", "Document id must not be empty")
	case len(id) > maxID:
		return fault.New(400, "illegal_docid", "Document id is too long")
	case id == "_design/" || id == "_local/":
		return fault.New(400, "illegal_docid", "Illegal document id `"+id+"`")
	case !utf8.ValidString(id):
		return fault.New(400, "illegal_docid", "Document id must be valid UTF-8")
	case id[0] == '_' && !strings.HasPrefix(id, "_design/") && !strings.HasPrefix(id, "_local/"):
		return fault.New(400, "illegal_docid", "Only reserved document ids may start with underscore.")
	}
	return nil
}
