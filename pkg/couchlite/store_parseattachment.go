package couchlite

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"io"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/callflowd/callflowd/pkg/couchlite/ejson"
)

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
