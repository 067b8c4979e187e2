package store

import (
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"io"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/callflowd/callflowd/pkg/couchlite/ejson"
	"github.com/callflowd/callflowd/pkg/couchlite/fault"
)

// setAttachments reads _attachments. Members that are not objects are ignored,
// as in CouchDB.
func (e *Edit) setAttachments(raw []byte) error {
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
		e.Attachments = append(e.Attachments, a)
	}
	return nil
}

// parseAttachment reads one attachment of a document: inline bytes, a stub,
// or one that follows in another part of the request.
func parseAttachment(name string, raw []byte) (Attachment, error) {
	var given struct {
		Type     any     `json:"content_type"`
		Encoding any     `json:"encoding"`
		Data     *string `json:"data"`
		Stub     any     `json:"stub"`
		Follows  any     `json:"follows"`
		RevPos   any     `json:"revpos"`
		Length   any     `json:"length"`
		Encoded  any     `json:"encoded_length"`
		Digest   any     `json:"digest"`
	}
	if err := CheckAttachmentName(name); err != nil {
		return Attachment{}, err
	}
	bad := fault.BadRequest("Invalid attachment data for " + name)
	if json.Unmarshal(raw, &given) != nil {
		return Attachment{}, bad
	}
	a := Attachment{Name: name, Type: DefaultType, stub: given.Stub == true, Follows: given.Follows == true, gzipped: given.Encoding == "gzip"}
	if kind, ok := given.Type.(string); ok {
		a.Type = kind
	}
	if at, ok := given.RevPos.(float64); ok && at > 0 && at <= math.MaxInt32 {
		a.RevPos = int(at)
	}
	if a.stub || a.Follows {
		a.Follows = !a.stub
		a.announced.length, a.announced.md5 = -1, announcedMD5(given.Digest)
		if length, ok := given.Length.(float64); ok && !a.gzipped {
			a.announced.length = int64(length)
		}
		if length, ok := given.Encoded.(float64); ok && a.gzipped {
			a.announced.length = int64(length)
		}
		return a, nil
	}
	if given.Data == nil {
		return Attachment{}, bad
	}
	data, err := base64.StdEncoding.DecodeString(strings.Map(dropSpace, *given.Data))
	if err != nil {
		return Attachment{}, bad
	}
	a.SetData(data)
	return a, nil
}

// announcedMD5 reads a digest; nil if there is none in a form CouchDB reads.
func announcedMD5(digest any) []byte {
	text, _ := digest.(string)
	encoded, ok := strings.CutPrefix(text, "md5-")
	sum, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil {
		return nil
	}
	return sum
}

// DefaultType is the content type of an attachment that came without.
const DefaultType = "application/octet-stream"

// CheckAttachmentName refuses names that CouchDB refuses.
func CheckAttachmentName(name string) error {
	switch {
	case strings.HasPrefix(name, "_"):
		return fault.BadRequest("Attachment name '" + name + "' starts with prohibited character '_'")
	case !utf8.ValidString(name):
		return fault.BadRequest("Attachment name is not UTF-8 encoded")
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

// unpackedLength is how many bytes unpack, at most limit.
func unpackedLength(packed io.Reader, limit int64) (int64, error) {
	z, err := gzip.NewReader(packed)
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(io.Discard, io.LimitReader(z, limit+1))
	if err == nil && n > limit {
		return 0, fault.TooLarge()
	}
	return n, err
}
