package couchlite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// Transport returns a RoundTripper that calls the server in this process,
// without a socket. Answers stream: a change feed delivers each line as it is
// flushed. Closing a response's body, or ending the request's context, ends
// the handler's context.
func (s *Server) Transport() http.RoundTripper { return transport{s} }

// inProcess is the address of those who call through [Server.Transport].
const inProcess = "in-process"

type transport struct{ handler http.Handler }

// directLimit is how much of an answer is kept whole before it is streamed.
const directLimit = 64 << 10

// RoundTrip implements [http.RoundTripper].
func (t transport) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(req.Context())
	in := req.WithContext(ctx)
	if in.Body == nil {
		in.Body = http.NoBody
	}
	if in.Header == nil {
		in.Header = http.Header{}
	}
	in.Host = host(req)
	in.RequestURI = req.URL.RequestURI()
	in.Proto, in.ProtoMajor, in.ProtoMinor = "HTTP/1.1", 1, 1
	in.RemoteAddr = inProcess
	w := &pipeWriter{ctx: ctx, cancel: cancel, request: req, header: http.Header{}, ready: make(chan *http.Response, 1)}
	go w.run(t.handler, in)
	select {
	case resp := <-w.ready:
		return delivered(resp)
	case <-ctx.Done():
	}
	select {
	case resp := <-w.ready: // delivered before its context was canceled
		return delivered(resp)
	default:
		cancel()
		return nil, ctx.Err()
	}
}

func delivered(resp *http.Response) (*http.Response, error) {
	if resp == nil {
		return nil, errors.New("couchlite: the handler aborted")
	}
	return resp, nil
}

func host(req *http.Request) string {
	if req.Host != "" {
		return req.Host
	}
	return req.URL.Host
}

// pipeWriter is the handler's side of one exchange. Only the goroutine of run
// uses it.
type pipeWriter struct {
	ctx     context.Context
	cancel  context.CancelFunc
	request *http.Request
	header  http.Header
	status  int
	sent    http.Header // the header as of WriteHeader
	buf     []byte
	pipe    *io.PipeWriter // once the answer streams
	ready   chan *http.Response
}

// run calls the handler and completes the answer, also when the handler panics.
func (w *pipeWriter) run(h http.Handler, in *http.Request) {
	defer func() { _ = in.Body.Close() }()
	if err := w.call(h, in); err != nil {
		w.abort(err)
		return
	}
	if w.pipe != nil {
		_ = w.pipe.Close()
		return
	}
	w.WriteHeader(http.StatusOK)
	w.deliver(io.NopCloser(bytes.NewReader(w.buf)), int64(len(w.buf)))
	w.cancel()
}

// call runs the handler and returns its panic as an error.
func (w *pipeWriter) call(h http.Handler, in *http.Request) (err error) {
	defer func() {
		if p := recover(); p == http.ErrAbortHandler {
			err = http.ErrAbortHandler
		} else if p != nil {
			err = fmt.Errorf("couchlite: panic in handler: %v", p)
		}
	}()
	h.ServeHTTP(w, in)
	return nil
}

// abort ends the answer: as a 500 when nothing of it is out yet, else by
// cutting it off.
func (w *pipeWriter) abort(err error) {
	switch {
	case w.pipe != nil:
		_ = w.pipe.CloseWithError(io.ErrUnexpectedEOF)
	case err == http.ErrAbortHandler:
		w.ready <- nil
	default:
		w.status, w.sent = http.StatusInternalServerError, http.Header{"Content-Type": {"application/json"}}
		body := `{"error":"internal_server_error","reason":"The server failed; its log says why."}`
		w.deliver(io.NopCloser(bytes.NewReader([]byte(body))), int64(len(body)))
	}
	w.cancel()
}

// deliver hands the response to the caller of RoundTrip.
func (w *pipeWriter) deliver(body io.ReadCloser, length int64) {
	if w.request.Method == http.MethodHead {
		body = http.NoBody
		if n, err := strconv.ParseInt(w.sent.Get("Content-Length"), 10, 64); err == nil {
			length = n
		}
	}
	w.ready <- &http.Response{
		Status: strconv.Itoa(w.status) + " " + http.StatusText(w.status), StatusCode: w.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.sent, Body: body, ContentLength: length, Request: w.request,
	}
}

func (w *pipeWriter) Header() http.Header { return w.header }

func (w *pipeWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status, w.sent = status, w.header.Clone()
	}
}

func (w *pipeWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.request.Method == http.MethodHead {
		return len(p), nil
	}
	if w.pipe == nil && len(w.buf)+len(p) <= directLimit {
		w.buf = append(w.buf, p...)
		return len(p), nil
	}
	w.Flush()
	return w.pipe.Write(p)
}

// Flush implements [http.Flusher]: from here on the answer streams.
func (w *pipeWriter) Flush() {
	w.WriteHeader(http.StatusOK)
	if w.pipe != nil || w.request.Method == http.MethodHead {
		return
	}
	r, pipe := io.Pipe()
	w.pipe = pipe
	stop := context.AfterFunc(w.ctx, func() { _ = pipe.CloseWithError(context.Cause(w.ctx)) })
	w.deliver(&pipeBody{r, func() { stop(); w.cancel() }}, -1)
	if len(w.buf) > 0 {
		_, _ = pipe.Write(w.buf) // fails like the next Write, which says so
		w.buf = nil
	}
}

// pipeBody ends the handler's context when the client closes it.
type pipeBody struct {
	*io.PipeReader
	done func()
}

func (b *pipeBody) Close() error {
	b.done()
	return b.PipeReader.Close()
}
