package load

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// bufferSize holds the head of any answer, and most answers whole.
const bufferSize = 64 << 10

// answer is what is kept of an answer.
type answer struct {
	status int
	bytes  int64 // of the body
	last   bool  // the server closes the connection
}

// conn reads and writes one connection.
type conn struct {
	net.Conn
	timeout  time.Duration
	deadline time.Time
	buf      []byte // buf[r:w] was read and is not used yet
	r, w     int
}

func newConn(c net.Conn, timeout time.Duration) *conn {
	return &conn{Conn: c, timeout: timeout, buf: make([]byte, bufferSize)}
}

// exchange sends a request and reads the whole answer; head says that it has
// no body, whatever its headers say.
func (c *conn) exchange(request []byte, head bool) (answer, error) {
	if err := c.extend(); err != nil {
		return answer{}, err
	}
	if _, err := c.Write(request); err != nil {
		return answer{}, err
	}
	for {
		raw, err := c.readHead()
		if err != nil {
			return answer{}, err
		}
		frame, err := parseHead(raw)
		if err != nil {
			return answer{}, err
		}
		if frame.status < 200 {
			continue // an interim answer, such as 100 Continue
		}
		got := answer{status: frame.status, last: frame.close}
		if !head && frame.status != 204 && frame.status != 304 {
			got.bytes, err = c.readBody(&frame)
			got.last = frame.close
		}
		return got, err
	}
}

// extend moves the deadline, but not for every request: that would cost more
// than the request's own bookkeeping.
func (c *conn) extend() error {
	now := time.Now()
	if c.deadline.Sub(now) > c.timeout*3/4 {
		return nil
	}
	c.deadline = now.Add(c.timeout)
	return c.SetDeadline(c.deadline)
}

var errHeadTooLong = fmt.Errorf("the head of the answer has more than %d bytes", bufferSize)

// fill reads more into the buffer.
func (c *conn) fill() error {
	switch {
	case c.r == c.w:
		c.r, c.w = 0, 0
	case c.w == len(c.buf) && c.r == 0:
		return errHeadTooLong
	case c.w == len(c.buf):
		c.w = copy(c.buf, c.buf[c.r:c.w])
		c.r = 0
	}
	n, err := c.Read(c.buf[c.w:])
	c.w += n
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// until returns what comes up to the end of mark, and uses it up.
func (c *conn) until(mark string) ([]byte, error) {
	seen := 0
	for {
		if i := bytes.Index(c.buf[c.r+seen:c.w], []byte(mark)); i >= 0 {
			end := c.r + seen + i + len(mark)
			text := c.buf[c.r:end]
			c.r = end
			return text, nil
		}
		seen = max(0, c.w-c.r-len(mark)+1)
		if err := c.fill(); err != nil {
			if errors.Is(err, io.EOF) && c.w > c.r {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
}

func (c *conn) readHead() ([]byte, error) { return c.until("\r\n\r\n") }

// readBody reads and forgets the body of an answer.
func (c *conn) readBody(f *frame) (int64, error) {
	switch {
	case f.chunked:
		return c.readChunks()
	case f.length >= 0:
		return f.length, c.discard(f.length)
	}
	f.close = true
	return c.discardAll()
}

func (c *conn) discard(n int64) error {
	for {
		have := min(n, int64(c.w-c.r))
		c.r += int(have)
		n -= have
		if n == 0 {
			return nil
		}
		if err := c.fill(); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
	}
}

func (c *conn) discardAll() (int64, error) {
	var total int64
	for {
		total += int64(c.w - c.r)
		c.r = c.w
		if err := c.fill(); err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return total, err
		}
	}
}

func (c *conn) readChunks() (int64, error) {
	var total int64
	for {
		line, err := c.until("\r\n")
		if err != nil {
			return total, err
		}
		text, _, _ := bytes.Cut(line[:len(line)-2], []byte(";"))
		size, err := strconv.ParseInt(string(bytes.TrimSpace(text)), 16, 63)
		if err != nil || size < 0 {
			return total, fmt.Errorf("the size of a chunk is %q", text)
		}
		if size == 0 {
			return total, c.readTrailer()
		}
		if err := c.discard(size + 2); err != nil {
			return total, err
		}
		total += size
	}
}

func (c *conn) readTrailer() error {
	for {
		line, err := c.until("\r\n")
		if err != nil || len(line) == 2 {
			return err
		}
	}
}

// frame is what the head of an answer says of its length.
type frame struct {
	status  int
	length  int64 // -1 where it is not given
	chunked bool
	close   bool
}

// parseHead reads the head of an answer, its last empty line included.
func parseHead(head []byte) (frame, error) {
	f := frame{length: -1}
	line, rest, _ := bytes.Cut(head, []byte("\r\n"))
	if len(line) < 12 || string(line[:7]) != "HTTP/1." || line[8] != ' ' {
		return f, fmt.Errorf("the answer begins with %.40q", line)
	}
	f.close = line[7] == '0'
	for _, digit := range line[9:12] {
		if digit < '0' || digit > '9' {
			return f, fmt.Errorf("the answer begins with %.40q", line)
		}
		f.status = 10*f.status + int(digit-'0')
	}
	for len(rest) > 2 {
		line, rest, _ = bytes.Cut(rest, []byte("\r\n"))
		if err := f.header(line); err != nil {
			return f, err
		}
	}
	return f, nil
}

func (f *frame) header(line []byte) error {
	name, value, ok := bytes.Cut(line, []byte(":"))
	if !ok {
		return fmt.Errorf("a header of the answer is %.40q", line)
	}
	value = bytes.TrimSpace(value)
	switch {
	case equalFold(name, "content-length"):
		length, err := strconv.ParseInt(string(value), 10, 63)
		if err != nil || length < 0 {
			return fmt.Errorf("the length of the answer is %.40q", value)
		}
		f.length = length
	case equalFold(name, "transfer-encoding"):
		f.chunked = equalFold(value, "chunked")
	case equalFold(name, "connection"):
		f.close = equalFold(value, "close")
	}
	return nil
}

// equalFold compares with lower-case ASCII letters.
func equalFold(a []byte, lower string) bool {
	if len(a) != len(lower) {
		return false
	}
	for i, b := range a {
		if b >= 'A' && b <= 'Z' {
			b += 'a' - 'A'
		}
		if b != lower[i] {
			return false
		}
	}
	return true
}
