package web

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"

	"github.com/callflowd/callflowd/pkg/problem"
)

// Listener replaces the refusals that net/http sends by itself, for requests
// that are not HTTP and never reach a handler, with ones in the envelope.
func (s *Server) Listener(l net.Listener) net.Listener { return refusing{l, s} }

type refusing struct {
	net.Listener
	server *Server
}

func (l refusing) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return refusingConn{conn, l.server}, nil
}

type refusingConn struct {
	net.Conn
	server *Server
}

// Write replaces a refusal, which net/http writes in one piece.
func (c refusingConn) Write(p []byte) (int, error) {
	code, why, ok := refusal(p)
	if !ok {
		return c.Conn.Write(p)
	}
	if _, err := c.Conn.Write(c.server.refuse(c.RemoteAddr(), code, why)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// CloseWrite lets net/http end its side first, so that the client reads the
// answer before it learns of the end.
func (c refusingConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// refusal recognises an answer of net/http's own: by headers in an order that
// nothing here sends, or by a status that nothing here has.
func refusal(p []byte) (code problem.Code, why string, ok bool) {
	const first = "HTTP/1.1 "
	if len(p) < len(first)+3 || p[len(first)] < '4' || !bytes.HasPrefix(p, []byte(first)) {
		return "", "", false
	}
	status, err := strconv.Atoi(string(p[len(first) : len(first)+3]))
	line, rest, _ := bytes.Cut(p, []byte("\r\n"))
	bare := bytes.HasPrefix(rest, []byte("Content-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"))
	if err != nil || !bare && status != http.StatusExpectationFailed {
		return "", "", false
	}
	_, detail, _ := bytes.Cut(line, []byte(": "))
	return refusalCode(status), string(detail), true
}

// refuse is the whole response to what came from peer, logged and counted as
// any other. It ends the connection.
func (s *Server) refuse(peer net.Addr, code problem.Code, why string) []byte {
	c := s.newCall(&http.Request{URL: &url.URL{}, Header: http.Header{}, RemoteAddr: peer.String()})
	failure := &problem.Error{Code: code, Msg: "no request"}
	if why != "" {
		failure.Data = map[string]any{"message": why}
	}
	page := &collected{header: http.Header{"Connection": {"close"}}}
	rec := &recorder{ResponseWriter: page}
	s.begin(page.header, c)
	s.fail(rec, c, failure)
	s.finish(rec, c, failure)
	var out bytes.Buffer
	fmt.Fprintf(&out, "HTTP/1.1 %d %s\r\n", rec.status, http.StatusText(rec.status))
	_ = page.header.Write(&out) // to memory
	out.WriteString("\r\n")
	out.Write(page.Bytes())
	return out.Bytes()
}

func refusalCode(status int) problem.Code {
	switch status {
	case http.StatusRequestHeaderFieldsTooLarge:
		return problem.HeadersTooLarge
	case http.StatusExpectationFailed:
		return problem.ExpectationFailed
	case http.StatusNotImplemented:
		return problem.NotSupported
	case http.StatusHTTPVersionNotSupported:
		return problem.VersionNotSupported
	}
	return problem.BadRequest
}
