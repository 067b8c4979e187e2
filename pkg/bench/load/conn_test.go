package load

import (
	"io"
	"net"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// scripted is a connection whose other side says what it was told to.
type scripted struct {
	net.Conn // nil: nothing else is called
	io.Reader
}

func (s scripted) Read(p []byte) (int, error) { return s.Reader.Read(p) }
func (scripted) Write(p []byte) (int, error)  { return len(p), nil }
func (scripted) SetDeadline(time.Time) error  { return nil }
func (scripted) Close() error                 { return nil }
func script(text string) scripted             { return scripted{Reader: strings.NewReader(text)} }

func trickle(text string) scripted {
	return scripted{Reader: iotest.OneByteReader(strings.NewReader(text))}
}

func TestAnswersAreFramed(t *testing.T) {
	long := strings.Repeat("y", 3*bufferSize)
	tests := []struct {
		name, text string
		head       bool
		want       answer
	}{
		{"length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", false, answer{200, 5, false}},
		{"lower case", "HTTP/1.1 404 \r\ncontent-length:0\r\n\r\n", false, answer{404, 0, false}},
		{"larger than the buffer", "HTTP/1.1 200 OK\r\nContent-Length: 196608\r\n\r\n" + long, false, answer{200, 196608, false}},
		{"chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n", false, answer{200, 15, false}},
		{"trailer", "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\nX: y\r\n\r\n", false, answer{200, 0, false}},
		{"interim", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 1\r\n\r\nx", false, answer{201, 1, false}},
		{"no content", "HTTP/1.1 204 No Content\r\n\r\n", false, answer{204, 0, false}},
		{"head", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true, answer{200, 0, false}},
		{"last", "HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 2\r\n\r\nab", false, answer{200, 2, true}},
		{"up to the end", "HTTP/1.1 200 OK\r\n\r\nabc", false, answer{200, 3, true}},
		{"old", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", false, answer{200, 1, true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, s := range []scripted{script(tt.text), trickle(tt.text)} {
				got, err := newConn(s, time.Hour).exchange([]byte("x"), tt.head)
				if err != nil || got != tt.want {
					t.Errorf("%+v, %v, want %+v", got, err, tt.want)
				}
			}
		})
	}
}

func TestAnswersOnOneConnection(t *testing.T) {
	one := "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
	two := "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
	c := newConn(script(one+two+one), time.Hour)
	for i, want := range []int64{5, 3, 5} {
		if got, err := c.exchange(nil, false); err != nil || got.bytes != want {
			t.Errorf("answer %d: %+v, %v", i, got, err)
		}
	}
}

func TestBrokenAnswers(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"nothing", "", "EOF"},
		{"half a head", "HTTP/1.1 200 OK\r\nContent-", "unexpected EOF"},
		{"half a body", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", "unexpected EOF"},
		{"half a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", "unexpected EOF"},
		{"another protocol", "SSH-2.0-OpenSSH_9.9\r\n\r\n", "begins with"},
		{"short", "HTTP/1.1\r\n\r\n", "begins with"},
		{"no status", "HTTP/1.1 2x0 OK\r\n\r\n", "begins with"},
		{"length", "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", "length"},
		{"chunk size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "size of a chunk"},
		{"header", "HTTP/1.1 200 OK\r\nnonsense\r\n\r\n", "a header"},
		{"endless head", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", bufferSize), "more than"},
	}
	for _, tt := range tests {
		_, err := newConn(script(tt.text), time.Hour).exchange(nil, false)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
	f.Add("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		whole, err := newConn(script(text), time.Hour).exchange(nil, false)
		slow, err2 := newConn(trickle(text), time.Hour).exchange(nil, false)
		if (err == nil) != (err2 == nil) || err == nil && whole != slow {
			t.Errorf("at once %+v, %v; byte by byte %+v, %v", whole, err, slow, err2)
		}
		if whole.bytes > int64(len(text)) && err == nil {
			t.Errorf("%d bytes of %d", whole.bytes, len(text))
		}
	})
}
