package couch

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/callflowd/callflowd/pkg/problem"
)

// How writes are held back while the server refuses them.
const (
	refusalsInARow = 3               // after which it is believed
	refusedFor     = 2 * time.Second // until one write is let through again
)

var errObserving = errors.New("callflowd only observes this server and writes nothing")

// refusal is that the server takes no writes at present.
type refusal struct{ why string }

func (r *refusal) Error() string { return "the server refuses writes: " + r.why }

// writes decides which writes leave the process: none of one that observes,
// and one every two seconds while the server refuses them for a reason that is
// not in the document, as with a full disk or without a quorum. The first that
// is taken opens the way for all.
type writes struct {
	observe bool

	mu      sync.Mutex
	refused int       // in a row
	next    time.Time // when one is let through; zero while all are
	why     string
}

// Observes reports whether this client writes nothing at all.
func (c *Client) Observes() bool { return c.writes.observe }

// Refuses says why writes are refused at present; nil if they are not.
func (c *Client) Refuses() error {
	c.writes.mu.Lock()
	defer c.writes.mu.Unlock()
	switch {
	case c.writes.observe:
		return wrap(errObserving, "write")
	case !c.writes.next.IsZero():
		return wrap(&refusal{c.writes.why}, "write")
	}
	return nil
}

// allow lets a write through, or says why not.
func (w *writes) allow() error {
	if w.observe {
		return errObserving
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	if now.Before(w.next) {
		return &refusal{w.why}
	}
	if !w.next.IsZero() {
		w.next = now.Add(refusedFor)
	}
	return nil
}

// note takes the outcome of a write that was let through, and reports whether
// the server takes no writes.
func (w *writes) note(res *http.Response, err error) bool {
	why, known := whyRefused(res, err)
	if !known {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if why == "" {
		w.refused, w.next, w.why = 0, time.Time{}, ""
		return false
	}
	w.why = why
	if w.refused++; w.refused >= refusalsInARow {
		w.next = time.Now().Add(refusedFor)
	}
	return true
}

// whyRefused tells a server that takes no writes from one that took this one,
// for which the reason is "". What else may happen to a write says neither.
func whyRefused(res *http.Response, err error) (why string, known bool) {
	switch {
	case errors.Is(err, errFewNodes):
		return "too few of its nodes confirm them", true
	case err != nil:
		return "", false
	case res.StatusCode < http.StatusMultipleChoices:
		return "", true
	case res.StatusCode == http.StatusInsufficientStorage:
		return "its disk is full", true
	case res.StatusCode < http.StatusInternalServerError:
		return "", false
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, maxRefusal)) // in memory already
	if err != nil {
		return "", false
	}
	res.Body = io.NopCloser(bytes.NewReader(text))
	for _, sign := range []string{"enospc", "no space left", "erofs", "disk cannot be written", "insufficient_storage"} {
		if strings.Contains(strings.ToLower(string(text)), sign) {
			return "its disk cannot be written", true
		}
	}
	return "", false
}

// readOnly makes a problem of a write that was not sent, or that the server
// refused as it does all.
func readOnly(err error, what string) *problem.Error {
	message := ""
	var refused *refusal
	switch {
	case errors.Is(err, errObserving):
		message = "callflowd only observes this database and writes nothing (--observe)"
	case errors.As(err, &refused):
		message = fmt.Sprintf("the database takes no writes at present: %s", refused.why)
	default:
		return nil
	}
	return &problem.Error{Code: problem.ReadOnly, Msg: what, Err: scrub(err), Data: map[string]any{"message": message}}
}
