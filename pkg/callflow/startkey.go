package callflow

import (
	"encoding/base64"
	"encoding/binary"
	"unicode/utf8"
)

// Kazoo's start keys are Erlang's external form of a binary: a version byte,
// a tag, the length in four bytes, and the text (contract section 3).
const (
	termVersion = 131
	termBinary  = 109
	termHeader  = 6
)

// EncodeStartKey gives a start key the opaque form that clients pass back.
func EncodeStartKey(id string) string {
	term := make([]byte, termHeader, termHeader+len(id))
	term[0], term[1] = termVersion, termBinary
	binary.BigEndian.PutUint32(term[2:], uint32(len(id))) //nolint:gosec // ids are short
	return base64.RawURLEncoding.EncodeToString(append(term, id...))
}

// DecodeStartKey reads a start key in its opaque form, ours and Kazoo's
// alike; anything else is a raw id (contract 9.9).
func DecodeStartKey(key string) string {
	term, err := base64.RawURLEncoding.DecodeString(key)
	if err != nil || len(term) < termHeader || term[0] != termVersion || term[1] != termBinary {
		return key
	}
	text := term[termHeader:]
	if int64(binary.BigEndian.Uint32(term[2:])) != int64(len(text)) || !utf8.Valid(text) {
		return key
	}
	return string(text)
}
