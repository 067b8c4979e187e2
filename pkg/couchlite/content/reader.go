package content

import (
	"compress/gzip"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
)

// Reader reads an attachment's bytes as they are stored, one piece in memory at
// a time. Its user closes it; until then no [Sweep] takes the bytes.
type Reader struct {
	pool    *sql.DB
	readers *Readers
	num     int64
	size    int64
	whole   bool // in one row

	at    int64  // where the next Read begins
	piece []byte // what was read last
	from  int64  // where it begins
	err   error
}

// Open begins to read the attachment of a row, of which size bytes are stored.
func (r *Readers) Open(ctx context.Context, pool *sql.DB, num, size int64) (*Reader, error) {
	r.add(num, 1)
	c := &Reader{pool: pool, readers: r, num: num, size: size}
	var inRow int64
	err := pool.QueryRowContext(context.WithoutCancel(ctx), `SELECT length(data) FROM attachments WHERE num = ?`, num).Scan(&inRow)
	if err != nil {
		c.Close()
		return nil, err
	}
	c.whole = inRow == c.size
	return c, nil
}

// Close lets a sweep take the bytes.
func (c *Reader) Close() { c.readers.add(c.num, -1) }

// Err is the first error of Read, none at the end.
func (c *Reader) Err() error { return c.err }

// Read implements [io.Reader].
func (c *Reader) Read(p []byte) (int, error) {
	switch {
	case c.err != nil:
		return 0, c.err
	case c.at >= c.size:
		return 0, io.EOF
	}
	if c.at < c.from || c.at >= c.from+int64(len(c.piece)) {
		if c.err = c.load(); c.err != nil {
			return 0, c.err
		}
	}
	n := copy(p, c.piece[c.at-c.from:])
	c.at += int64(n)
	return n, nil
}

// load reads the piece at which the next Read begins.
func (c *Reader) load() error {
	query, args, want := `SELECT data FROM attachments WHERE num = ?`, []any{c.num}, c.size
	c.from = 0
	if !c.whole {
		n := c.at / pieceSize
		c.from = n * pieceSize
		query, args, want = `SELECT data FROM pieces WHERE attachment = ? AND n = ?`, []any{c.num, n}, min(pieceSize, c.size-c.from)
	}
	// Canceling one row is not worth a goroutine.
	err := c.pool.QueryRowContext(context.Background(), query, args...).Scan(&c.piece)
	if err == nil && int64(len(c.piece)) != want {
		err = fmt.Errorf("%d bytes instead of %d", len(c.piece), want)
	}
	if err != nil {
		c.piece = nil
		return fmt.Errorf("read an attachment at %d: %w", c.at, err)
	}
	return nil
}

// Seek implements [io.Seeker].
func (c *Reader) Seek(offset int64, whence int) (at int64, err error) {
	c.at, err = sought(c.at, c.size, offset, whence)
	return c.at, err
}

// sought is where a Seek leads.
func sought(now, size, offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += now
	case io.SeekEnd:
		offset += size
	}
	if offset < 0 {
		return now, errors.New("seek before the start")
	}
	return offset, nil
}

// Plain unpacks an attachment that is stored compressed.
type Plain struct {
	*Reader
	size int64 // unpacked
	at   int64 // where the next Read begins
	z    *gzip.Reader
	done int64 // unpacked by z
}

// Unpacked reads the size plain bytes of an attachment that is stored compressed.
func (c *Reader) Unpacked(size int64) *Plain { return &Plain{Reader: c, size: size} }

// Seek implements [io.Seeker].
func (p *Plain) Seek(offset int64, whence int) (at int64, err error) {
	p.at, err = sought(p.at, p.size, offset, whence)
	return p.at, err
}

// Read implements [io.Reader]. After a Seek it unpacks what comes before, from
// the start if need be.
func (p *Plain) Read(to []byte) (int, error) {
	if p.at >= p.size {
		return 0, io.EOF
	}
	if err := p.reach(); err != nil {
		return 0, p.failed(err)
	}
	n, err := p.z.Read(to[:min(int64(len(to)), p.size-p.at)])
	p.done += int64(n)
	p.at = p.done
	if n > 0 {
		return n, nil // an error comes again
	}
	return 0, p.failed(err)
}

// reach unpacks up to where the next Read begins.
func (p *Plain) reach() error {
	if p.z == nil || p.done > p.at {
		p.Reader.at, p.done = 0, 0
		z, err := gzip.NewReader(p.Reader)
		if err != nil {
			return err
		}
		p.z = z
	}
	n, err := io.CopyN(io.Discard, p.z, p.at-p.done)
	p.done += n
	return err
}

// failed records an error of the stream itself, which may not end early.
func (p *Plain) failed(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil && p.err == nil {
		p.err = fmt.Errorf("unpack an attachment: %w", err)
	}
	return p.err
}
