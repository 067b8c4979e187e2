package web

import (
	"strconv"
	"time"
)

// envelope is a response as Kazoo sends it, without its data (contract 1.7).
type envelope struct {
	status        string // "success" or "error"
	code, message string // of an error
	requestID     string
	revision      string
	authToken     string
	tokens        bucketState
	node, version string
	timestamp     time.Time
	members       Members
}

// opening is what stands before an envelope's data.
const opening = `{"data":`

// appendRest writes what stands after data, from the comma on. It does not use
// encoding/json, which would be slow for every answer.
func (e *envelope) appendRest(b []byte) ([]byte, error) {
	b = AppendMember(b, "status", e.status)
	if e.code != "" {
		b = AppendMember(b, "error", e.code)
		b = AppendMember(b, "message", e.message)
	}
	b = AppendMember(b, "request_id", e.requestID)
	b = AppendOptional(b, "revision", e.revision)
	b = AppendOptional(b, "auth_token", e.authToken)
	b = append(b, `,"tokens":{"consumed":`...)
	b = strconv.AppendInt(b, int64(e.tokens.Consumed), 10)
	b = append(b, `,"remaining":`...)
	b = strconv.AppendInt(b, int64(e.tokens.Remaining), 10)
	b = append(b, '}')
	b = AppendMember(b, "node", e.node)
	b = append(b, `,"timestamp":"`...)
	b = e.timestamp.UTC().AppendFormat(b, time.RFC3339)
	b = append(b, '"')
	b = AppendMember(b, "version", e.version)
	if e.members.none() {
		return append(b, '}'), nil
	}
	more, err := Encode(e.members)
	if err != nil {
		return nil, err
	}
	more[0] = ','
	return append(b, more...), nil
}

// AppendMember writes one member whose name needs no escapes.
func AppendMember(b []byte, name, value string) []byte {
	b = append(b, ',', '"')
	b = append(b, name...)
	b = append(b, '"', ':')
	return AppendString(b, value)
}

// AppendOptional writes a member that is left out where it is empty.
func AppendOptional(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	return AppendMember(b, name, value)
}

// AppendString writes a JSON string.
func AppendString(b []byte, s string) []byte {
	if !plainText(s) {
		quoted, _ := Encode(s) // a string never fails
		return append(b, quoted...)
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// plainText reports whether a JSON string may hold s as it stands. Tokens are
// long, so it looks at eight bytes at a time: each test leaves the highest bit
// of a byte that fails it.
func plainText(s string) bool {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	for ; len(s) >= 8; s = s[8:] {
		x := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
			uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
		quote, slash := x^(ones*'"'), x^(ones*'\\')
		bad := x | (x - ones*' ') | (x + ones*(0x80-0x7f)) | (quote - ones) | (slash - ones)
		if bad&high != 0 {
			return false
		}
	}
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
