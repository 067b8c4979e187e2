package couchlite

import (
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/callflowd/callflowd/pkg/couchlite/ejson"
	"github.com/callflowd/callflowd/pkg/couchlite/revtree"
)

// parseDocument reads a document as a client sends it. Its id and the
// revision it names, if any, end up in id and base; path holds _revisions.
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
	if len(e.path.Hashes) > 0 && !e.base.IsZero() && e.path.Rev() != e.base {
		e.path = revtree.Path{}
	}
	return e, nil
}

func docInvalid(reason string) *failure {
	return fail(http.StatusBadRequest, "doc_validation", reason)
}

// setSpecial takes one underscore member.
func (e *edit) setSpecial(m ejson.Member) error {
	switch m.Name {
	case "_id":
		if json.Unmarshal(m.Value, &e.id) != nil || m.Value[0] != '"' {
			return fail(http.StatusBadRequest, "illegal_docid", "Document id must be a string")
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

func (e *edit) setPath(raw []byte) error {
	var r struct {
		Start int
		IDs   []string
	}
	if json.Unmarshal(raw, &r) != nil || len(r.IDs) > maxRevisions {
		return docInvalid("_revisions isn't a valid object")
	}
	p := revtree.Path{Gen: r.Start}
	for i, hash := range r.IDs {
		rev, err := revtree.NewRev(r.Start-i, hash)
		if err != nil {
			return docInvalid("_revisions holds an invalid revision")
		}
		p.Hashes = append(p.Hashes, rev.Hash)
	}
	if p.Valid() {
		e.path = p
	}
	return nil
}

// setAttachments reads _attachments: inline bytes, stubs, and those that
// follow in other parts of the request.
func (e *edit) setAttachments(raw []byte) error {
	var given map[string]struct {
		ContentType string `json:"content_type"`
		Encoding    string
		Data        *string
		Stub        bool
		Follows     bool
		Length      int64
		RevPos      int
	}
	_, members, err := ejson.Members(raw)
	if err != nil || json.Unmarshal(raw, &given) != nil {
		return badRequest("Invalid attachments")
	}
	for _, name := range members {
		g := given[name]
		if name == "" || strings.HasPrefix(name, "_") {
			return badRequest("Attachment name '" + name + "' starts with prohibited character '_'")
		}
		a := attachment{Name: name, Type: g.ContentType, RevPos: g.RevPos, stub: g.Stub, follows: g.Follows, Length: g.Length, gzipped: g.Encoding == "gzip"}
		if a.Type == "" {
			a.Type = "application/octet-stream"
		}
		switch {
		case g.Data != nil:
			data, err := base64.StdEncoding.DecodeString(*g.Data)
			if err == nil && a.gzipped {
				data, err = gunzip(data, maxInflated)
			}
			if err != nil {
				return badRequest("Invalid attachment data for " + name)
			}
			a.stub, a.follows = false, false
			a.setData(data)
		case !g.Stub && !g.Follows:
			return badRequest("Invalid attachment data for " + name)
		}
		e.attachments = append(e.attachments, a)
	}
	return nil
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
	case id[0] == '_' && !strings.HasPrefix(id, "_design/") && !strings.HasPrefix(id, "_local/"):
		return fail(http.StatusBadRequest, "illegal_docid", "Only reserved document ids may start with underscore.")
	}
	return nil
}
