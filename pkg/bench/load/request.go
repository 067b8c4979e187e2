package load

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Request is what is sent again and again. Path and Body may hold
// placeholders, see [Placeholders].
type Request struct {
	Method string // "" is GET, or POST where there is a body
	Host   string // of the Host header
	Path   string // with the query, escaped
	Header http.Header
	Body   string
	Lines  []string // for {{line}}
}

// Prepared is a request as bytes, with gaps for what differs from one to the
// next. It is safe for concurrent use, and numbers its requests over all the
// runs that use it.
type Prepared struct {
	head   bool // its answers have no body
	before template
	middle string // from behind the path to the length of the body
	body   template
	seq    sequence
}

// Prepare checks a request and makes its bytes.
func (r Request) Prepare() (*Prepared, error) {
	method := r.Method
	if method == "" {
		method = http.MethodGet
		if r.Body != "" {
			method = http.MethodPost
		}
	}
	if !strings.HasPrefix(r.Path, "/") || strings.ContainsAny(r.Path, " \r\n") {
		return nil, fmt.Errorf("the path %q must begin with / and hold neither spaces nor line ends", r.Path)
	}
	if strings.ContainsAny(method+r.Host, " \r\n") {
		return nil, fmt.Errorf("the method %q or the host %q holds a space or a line end", method, r.Host)
	}
	p := &Prepared{head: method == http.MethodHead}
	var err error
	if p.before, err = parseTemplate(method+" "+r.Path, r.Lines); err != nil {
		return nil, fmt.Errorf("path: %w", err)
	}
	if p.body, err = parseTemplate(r.Body, r.Lines); err != nil {
		return nil, fmt.Errorf("body: %w", err)
	}
	p.middle, err = r.headers(method)
	return p, err
}

// headers returns what comes between the path and the value of
// Content-Length; without a body it ends the head.
func (r Request) headers(method string) (string, error) {
	var b strings.Builder
	b.WriteString(" HTTP/1.1\r\nHost: " + r.Host + "\r\n")
	names := make([]string, 0, len(r.Header))
	for name := range r.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, value := range r.Header[name] {
			if name == "" || strings.ContainsAny(name, ": \r\n") || strings.ContainsAny(value, "\r\n") {
				return "", fmt.Errorf("the header %q cannot be sent", name+": "+value)
			}
			b.WriteString(name + ": " + value + "\r\n")
		}
	}
	if r.Body != "" || method == http.MethodPut || method == http.MethodPost || method == http.MethodPatch {
		b.WriteString("Content-Length: ")
		return b.String(), nil
	}
	b.WriteString("\r\n")
	return b.String(), nil
}

// append adds the bytes of the next request to buf.
func (p *Prepared) append(buf []byte, r *random) []byte {
	n := p.seq.next()
	buf = p.before.append(buf, n, r)
	buf = append(buf, p.middle...)
	if !strings.HasSuffix(p.middle, ": ") {
		return buf
	}
	// The body is written behind room for its length and then moved down.
	const room = len("18446744073709551615\r\n\r\n")
	at := len(buf)
	buf = append(buf, make([]byte, room)...)
	buf = p.body.append(buf, n, r)
	size := len(buf) - at - room
	head := strconv.AppendInt(buf[:at], int64(size), 10)
	head = append(head, "\r\n\r\n"...)
	return append(head, buf[at+room:]...)
}

// Aim returns a plan for a URL, whose path and query may hold placeholders,
// with the connections, times and rate still to be set. r gives the rest of
// the request.
func Aim(rawURL string, r Request) (Plan, error) {
	scheme, rest, ok := strings.Cut(rawURL, "://")
	if !ok || scheme != "http" && scheme != "https" {
		return Plan{}, errors.New("the URL must begin with http:// or https://")
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	r.Host, r.Path = rest[:end], rest[end:]
	if strings.ContainsAny(r.Host, "@ ") || r.Host == "" || strings.Contains(r.Path, "#") {
		return Plan{}, errors.New("the URL must have a host, no user and no fragment; credentials go into a header")
	}
	if !strings.HasPrefix(r.Path, "/") {
		r.Path = "/" + r.Path
	}
	prepared, err := r.Prepare()
	if err != nil {
		return Plan{}, err
	}
	p := Plan{Address: r.Host, Request: prepared}
	address := url.URL{Host: r.Host}
	if address.Port() == "" {
		p.Address = net.JoinHostPort(address.Hostname(), map[string]string{"http": "80", "https": "443"}[scheme])
	}
	if scheme == "https" {
		p.TLS = &tls.Config{ServerName: address.Hostname(), MinVersion: tls.VersionTLS12}
	}
	return p, nil
}
