package revtree

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
)

// ErrEncoding says that stored bytes are no tree.
var ErrEncoding = errors.New("revtree: malformed encoding")

const (
	flagDeleted = 1 << iota
	flagRaw     // the hash is not 32 hex digits and stored as it is
)

// Encode appends the tree's stored form to dst: per node its flags,
// generation, parent, content and hash.
func (t *Tree) Encode(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(t.nodes)))
	for _, n := range t.nodes {
		flags := byte(0)
		if n.Deleted {
			flags |= flagDeleted
		}
		var raw [16]byte
		hash := raw[:]
		if len(n.Hash) != 32 {
			flags |= flagRaw
		} else if _, err := hex.Decode(hash, []byte(n.Hash)); err != nil {
			flags |= flagRaw
		}
		dst = append(dst, flags)
		dst = binary.AppendUvarint(dst, uint64(n.Gen))
		dst = binary.AppendUvarint(dst, uint64(n.parent+1))
		dst = binary.AppendUvarint(dst, uint64(n.Body))
		if flags&flagRaw != 0 {
			dst = binary.AppendUvarint(dst, uint64(len(n.Hash)))
			hash = []byte(n.Hash)
		}
		dst = append(dst, hash...)
	}
	return dst
}

// decoder reads a stored tree; after a failure every read gives zero.
type decoder struct {
	src []byte
	bad bool
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.src)
	if n <= 0 {
		d.bad, d.src = true, nil
		return 0
	}
	d.src = d.src[n:]
	return v
}

func (d *decoder) bytes(n uint64) []byte {
	if uint64(len(d.src)) < n {
		d.bad, d.src = true, nil
		return nil
	}
	b := d.src[:n]
	d.src = d.src[n:]
	return b
}

// Decode reads what [Tree.Encode] wrote.
func Decode(src []byte) (*Tree, error) {
	d := decoder{src: src}
	count := d.uvarint()
	if count > uint64(len(src)) {
		return nil, ErrEncoding
	}
	t := &Tree{nodes: make([]Node, 0, count+1)}
	for range count {
		n, ok := d.node()
		if !ok || n.parent >= int(count) {
			return nil, ErrEncoding
		}
		t.nodes = append(t.nodes, n)
	}
	if d.bad || len(d.src) > 0 {
		return nil, ErrEncoding
	}
	for _, n := range t.nodes {
		if n.parent >= 0 && t.nodes[n.parent].Gen != n.Gen-1 {
			return nil, ErrEncoding
		}
	}
	return t, nil
}

func (d *decoder) node() (Node, bool) {
	flags := d.bytes(1)
	if flags == nil {
		return Node{}, false
	}
	n := Node{Deleted: flags[0]&flagDeleted != 0}
	n.Gen = int(d.uvarint())
	n.parent = int(d.uvarint()) - 1
	n.Body = int64(d.uvarint())
	if flags[0]&flagRaw != 0 {
		n.Hash = string(d.bytes(d.uvarint()))
	} else {
		n.Hash = hex.EncodeToString(d.bytes(16))
	}
	return n, !d.bad
}
