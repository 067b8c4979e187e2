package store

import (
	"context"
	"encoding/base64"
	"fmt"
	"strconv"

	"github.com/callflowd/callflowd/pkg/couchlite/ejson"
	"github.com/callflowd/callflowd/pkg/couchlite/revtree"
)

// DocOptions say what a document shows besides its content, in the words of
// CouchDB's query parameters.
type DocOptions struct {
	Revs, RevsInfo, LocalSeq    bool
	Conflicts, DeletedConflicts bool
	Attachments                 bool          // inline, not as stubs
	AttsSince                   []revtree.Rev // inline only those newer than these
	Follows                     bool          // inline ones are sent after the document
	Encodings                   bool          // say which are stored compressed
}

// needsTree reports whether the options show more than the revision has.
func (o DocOptions) needsTree() bool {
	return o.Revs || o.RevsInfo || o.LocalSeq || o.Conflicts || o.DeletedConflicts || len(o.AttsSince) > 0
}

// OfRevision returns the options without those that have no effect when a client
// names a revision.
func (o DocOptions) OfRevision() DocOptions {
	o.RevsInfo, o.LocalSeq, o.Conflicts, o.DeletedConflicts = false, false, false, false
	return o
}

// ShowsTree reports whether the answer depends on more than the one revision, so
// that the revision cannot be its ETag.
func (db *Database) ShowsTree(ctx context.Context, r Revision, o DocOptions) (bool, error) {
	if o.RevsInfo || o.LocalSeq || r.Leaves < 2 || !o.Conflicts && !o.DeletedConflicts {
		return o.RevsInfo || o.LocalSeq, nil
	}
	t, _, err := db.Tree(ctx, r.ID)
	if err != nil {
		return false, err
	}
	return o.Conflicts && len(t.Conflicts(false)) > 0 || o.DeletedConflicts && len(t.Conflicts(true)) > 0, nil
}

// Render returns a revision as a client sees it.
func (db *Database) Render(ctx context.Context, r Revision, o DocOptions) ([]byte, error) {
	var t *revtree.Tree
	if o.Revs || o.RevsInfo || o.LocalSeq || r.Leaves > 1 && o.needsTree() || len(o.AttsSince) > 0 {
		var err error
		if t, r.seq, err = db.Tree(ctx, r.ID); err != nil {
			return nil, err
		}
	}
	data, err := db.inline(ctx, r, o, t)
	if err != nil {
		return nil, err
	}
	return appendRevision(make([]byte, 0, len(r.Body)+len(r.ID)+96), r, t, o, data), nil
}

// Shown returns the attachments that are to stand in the document itself, or are
// to follow it.
func Shown(r Revision, o DocOptions, t *revtree.Tree) []Attachment {
	if !o.Attachments && len(o.AttsSince) == 0 {
		return nil
	}
	since := 0
	for _, rev := range o.AttsSince {
		if _, known := t.Find(rev); known && rev.Gen > since {
			since = rev.Gen
		}
	}
	var shown []Attachment
	for _, a := range r.Attachments {
		if a.RevPos > since {
			shown = append(shown, a)
		}
	}
	return shown
}

// inline reads the plain bytes of the attachments that stand in the document
// itself, by name. Those that follow it have none.
func (db *Database) inline(ctx context.Context, r Revision, o DocOptions, t *revtree.Tree) (map[string][]byte, error) {
	data := map[string][]byte{}
	for _, a := range Shown(r, o, t) {
		data[a.Name] = nil
		if o.Follows {
			continue
		}
		var err error
		if data[a.Name], err = db.ReadAttachment(ctx, a); err != nil {
			return nil, err
		}
	}
	return data, nil
}

// appendRevision appends a document: _id and _rev, its members, and what o
// asks for. t may be nil when nothing o asks for needs the tree. Attachments
// named in data are shown with their bytes, or as following.
func appendRevision(dst []byte, r Revision, t *revtree.Tree, o DocOptions, data map[string][]byte) []byte {
	dst = append(dst, `{"_id":`...)
	dst = ejson.AppendString(dst, r.ID)
	dst = append(dst, `,"_rev":"`...)
	dst = append(dst, r.Rev...)
	dst = append(dst, '"')
	if len(r.Body) > 2 {
		dst = append(dst, ',')
		dst = append(dst, r.Body[1:len(r.Body)-1]...)
	}
	if r.Deleted {
		dst = append(dst, `,"_deleted":true`...)
	}
	if t != nil {
		dst = appendMeta(dst, r, t, o)
	}
	if o.LocalSeq {
		dst = fmt.Appendf(dst, `,"_local_seq":%d`, r.seq)
	}
	if len(r.Attachments) > 0 {
		dst = appendAttachments(dst, r.Attachments, o, data)
	}
	return append(dst, '}')
}

func appendAttachments(dst []byte, list []Attachment, o DocOptions, data map[string][]byte) []byte {
	dst = append(dst, `,"_attachments":{`...)
	for i, a := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = ejson.AppendString(dst, a.Name)
		dst = append(dst, `:{"content_type":`...)
		dst = ejson.AppendString(dst, a.Type)
		dst = append(dst, `,"revpos":`...)
		dst = strconv.AppendInt(dst, int64(a.RevPos), 10)
		dst = append(dst, `,"digest":"`...)
		dst = append(dst, a.digest()...)
		bytes, inline := data[a.Name]
		switch {
		case inline && o.Follows:
			dst = fmt.Appendf(dst, `","length":%d,"follows":true`, a.Length)
		case inline:
			dst = append(dst, `","data":"`...)
			dst = base64.StdEncoding.AppendEncode(dst, bytes)
			dst = append(dst, '"')
		default:
			dst = fmt.Appendf(dst, `","length":%d,"stub":true`, a.Length)
		}
		if o.Encodings && a.Encoding != "" {
			dst = fmt.Appendf(dst, `,"encoding":%q,"encoded_length":%d`, a.Encoding, a.EncodedLength)
		}
		dst = append(dst, '}')
	}
	return append(dst, '}')
}

// appendMeta appends what the options want from the tree.
func appendMeta(dst []byte, r Revision, t *revtree.Tree, o DocOptions) []byte {
	rev, _ := revtree.ParseRev(r.Rev)
	if o.Revs {
		path := t.Path(rev)
		dst = fmt.Appendf(dst, `,"_revisions":{"start":%d,"ids":[`, path.Gen)
		for i, hash := range path.Hashes {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = ejson.AppendString(dst, hash)
		}
		dst = append(dst, "]}"...)
	}
	if o.RevsInfo {
		dst = append(dst, `,"_revs_info":[`...)
		for i, n := range t.Nodes(rev) {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = fmt.Appendf(dst, `{"rev":%q,"status":%q}`, n.Rev, status(n))
		}
		dst = append(dst, ']')
	}
	if o.Conflicts {
		dst = appendRevs(dst, "_conflicts", t.Conflicts(false))
	}
	if o.DeletedConflicts {
		dst = appendRevs(dst, "_deleted_conflicts", t.Conflicts(true))
	}
	return dst
}

// status is what _revs_info says of a revision.
func status(n revtree.Node) string {
	switch {
	case n.Body == 0:
		return "missing"
	case n.Deleted:
		return "deleted"
	}
	return "available"
}

// appendRevs appends a member that lists revisions, unless there are none.
func appendRevs(dst []byte, name string, revs []revtree.Rev) []byte {
	if len(revs) == 0 {
		return dst
	}
	dst = fmt.Appendf(dst, `,%q:[`, name)
	for i, r := range revs {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = ejson.AppendString(dst, r.String())
	}
	return append(dst, ']')
}
