package callflow

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"time"

	"github.com/callflowd/callflowd/pkg/document"
)

// historyType is the pvt_type of history entries.
const historyType = "callflowd_history"

// incompleteKey marks a version of which history has the private keys alone.
const incompleteKey = "pvt_callflowd_incomplete"

// maxVersion bounds the size of a version after decompression, in bytes.
const maxVersion = 64 << 20

func historyID(month, callflowID, rev string) string {
	return month + "-" + callflowID + "-" + rev
}

// entryOf is the history entry of a version. Attachments are left out:
// CouchDB would try to attach them to the entry.
func entryOf(accountID string, month time.Time, version document.Doc) document.Doc {
	kept := maps.Clone(version)
	delete(kept, "_attachments")
	return document.Doc{
		"_id":            historyID(month.UTC().Format("200601"), version.ID(), version.Rev()),
		"pvt_type":       historyType,
		"pvt_account_id": accountID,
		"pvt_created":    document.GregorianNumber(month),
		"callflow_id":    version.ID(),
		"revision":       version.Rev(),
		"document":       map[string]any(kept),
	}
}

// compressed is an entry whose version is gzip in base64: an entry is a
// little larger than its version, which may be as large as a document can be.
func compressed(entry document.Doc) document.Doc {
	var packed bytes.Buffer
	zw := gzip.NewWriter(&packed)
	_ = json.NewEncoder(zw).Encode(entry["document"]) // came from JSON and goes to memory
	_ = zw.Close()
	out := maps.Clone(entry)
	delete(out, "document")
	out["compressed"] = base64.StdEncoding.EncodeToString(packed.Bytes())
	return out
}

// outlined is an entry that has its version's private keys alone.
func outlined(entry document.Doc) document.Doc {
	kept := map[string]any{incompleteKey: true}
	for k, v := range entry.Object("document") {
		if document.Private(k) {
			kept[k] = v
		}
	}
	out := maps.Clone(entry)
	out["document"] = kept
	return out
}

// versionOf is the version that an entry keeps; one that cannot be read is
// incomplete.
func versionOf(entry document.Doc) document.Doc {
	if doc := entry.Object("document"); doc != nil {
		return doc
	}
	doc, err := unpack(entry.String("compressed"))
	if err != nil {
		return document.Doc{"_id": entry.String("callflow_id"), "_rev": entry.String("revision"), incompleteKey: true}
	}
	return doc
}

func unpack(text string) (doc document.Doc, err error) {
	packed, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, err
	}
	zr, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	plain, err := io.ReadAll(io.LimitReader(zr, maxVersion))
	if err != nil {
		return nil, err
	}
	return doc, json.Unmarshal(plain, &doc)
}

// incomplete reports whether a version's content was not kept.
func incomplete(version document.Doc) bool { return document.Truthy(version[incompleteKey]) }
