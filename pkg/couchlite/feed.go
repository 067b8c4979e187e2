package couchlite

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/callflowd/callflowd/pkg/couchlite/fault"
	"github.com/callflowd/callflowd/pkg/couchlite/rows"
)

// The kinds of feed.
const (
	feedNormal      = "normal"
	feedLongpoll    = "longpoll"
	feedContinuous  = "continuous"
	feedEventSource = "eventsource"
)

// feedOptions say how a feed is delivered.
type feedOptions struct {
	kind      string
	timeout   time.Duration // how long to wait for a change; 0 with a heartbeat: for ever
	heartbeat time.Duration // 0: none
}

// maxFeedTimeout bounds timeout and is its default, as CouchDB's is.
const maxFeedTimeout = time.Minute

// minHeartbeat bounds how often an idle feed writes.
const minHeartbeat = 10 * time.Millisecond

func (q *request) feedOptions() (feedOptions, error) {
	o := feedOptions{kind: q.query.Get("feed"), timeout: maxFeedTimeout}
	switch o.kind {
	case feedNormal, feedLongpoll, feedContinuous, feedEventSource:
	case "":
		o.kind = feedNormal
	case "live":
		o.kind = feedContinuous
	default:
		return o, fault.BadRequest("Supported `feed` types: normal, continuous, live, longpoll, eventsource")
	}
	if raw := q.query.Get("timeout"); raw != "" {
		ms, err := strconv.Atoi(raw)
		if err != nil || ms < 0 {
			return o, fault.BadRequest("Invalid timeout value. Expecting a positive integer value (in milliseconds).")
		}
		o.timeout = min(time.Duration(ms)*time.Millisecond, maxFeedTimeout)
	}
	switch raw := q.query.Get("heartbeat"); raw {
	case "", "false":
	case "true":
		o.heartbeat, o.timeout = maxFeedTimeout, 0
	default:
		ms, err := strconv.Atoi(raw)
		if err != nil || ms <= 0 {
			return o, fault.BadRequest("Invalid heartbeat value. Expecting a positive integer value (in milliseconds).")
		}
		o.heartbeat, o.timeout = max(time.Duration(min(ms, int(time.Hour/time.Millisecond)))*time.Millisecond, minHeartbeat), 0
	}
	if o.kind == feedEventSource && o.heartbeat == 0 && o.timeout == maxFeedTimeout {
		o.heartbeat, o.timeout = maxFeedTimeout, 0
	}
	return o, nil
}

// feedLimit reads ?limit= of a feed; a negative one means none.
func (q *request) feedLimit() (int, error) {
	raw := q.query.Get("limit")
	if raw == "" {
		return -1, nil
	}
	n, err := strconv.Atoi(raw)
	if err != nil {
		return 0, fault.Parse("Invalid value for integer: " + strconv.Quote(raw))
	}
	return max(n, -1), nil
}

// feed is a source of events: the changes of a database, or what happens to
// databases.
type feed interface {
	// emit writes the events since the last call and counts them. done means
	// that no more may follow.
	emit(ctx context.Context, out *feedWriter) (n int, done bool, err error)
	// watch returns a channel that is closed when there may be more events
	// than emit wrote after the call.
	watch() <-chan struct{}
	// park releases what the feed need not hold while it waits; resume takes
	// it again, and reports false if the source is gone.
	park()
	resume(ctx context.Context) (alive bool, err error)
	lastSeq() string
	// pending counts the events not written, -1 when the feed does not say.
	pending(ctx context.Context) (int64, error)
}

// runFeed delivers a feed until it ends.
func runFeed(q *request, f feed, o feedOptions) error {
	ctx := q.Context()
	out := newFeedWriter(q.w, o.kind)
	for {
		more := f.watch()
		n, done, err := f.emit(ctx, out)
		if err != nil {
			return err
		}
		if done || o.kind == feedNormal || o.kind == feedLongpoll && n > 0 {
			break
		}
		if n == 0 && out.Rows == 0 {
			err = out.heartbeat() // tells the client that the feed has begun
		} else {
			err = out.flush()
		}
		if err != nil {
			return nil // the client left
		}
		f.park()
		again := q.wait(more, o, out)
		alive, err := f.resume(ctx)
		if err != nil && ctx.Err() == nil {
			return err
		}
		if !again || !alive {
			break
		}
	}
	if ctx.Err() != nil {
		return nil // the client left
	}
	pending, err := f.pending(ctx)
	if err != nil {
		return err
	}
	return out.finish(f.lastSeq(), pending)
}

// wait returns true when more is closed, false when the feed should end:
// timeout, a client that left, a server or a listener that closes. Meanwhile
// it writes heartbeats.
func (q *request) wait(more <-chan struct{}, o feedOptions, out *feedWriter) bool {
	var timeout, beat <-chan time.Time
	if o.heartbeat > 0 {
		ticker := time.NewTicker(o.heartbeat)
		defer ticker.Stop()
		beat = ticker.C
	} else {
		timer := time.NewTimer(o.timeout)
		defer timer.Stop()
		timeout = timer.C
	}
	for {
		select {
		case <-more:
			return true
		case <-beat:
			if out.heartbeat() != nil {
				return false
			}
		case <-timeout:
			return false
		case <-q.s.store.Stopped():
			return false
		case <-q.drain:
			return false
		case <-q.Context().Done():
			return false
		}
	}
}

// feedWriter writes events in the form of one kind of feed.
type feedWriter struct {
	rows.Writer
	kind   string
	answer http.ResponseWriter // that stream writes to
}

func newFeedWriter(w http.ResponseWriter, kind string) *feedWriter {
	contentType := "application/json"
	out := &feedWriter{kind: kind, Writer: *rows.New(w), answer: w}
	w.Header().Set("Cache-Control", "must-revalidate")
	switch kind {
	case feedEventSource:
		contentType = "text/event-stream"
		w.Header().Set("Cache-Control", "no-cache")
	case feedNormal, feedLongpoll:
		out.Text("{\"results\":[\n")
	}
	w.Header().Set("Content-Type", contentType)
	return out
}

// begin returns the buffer to append one event's JSON to.
func (f *feedWriter) begin() []byte {
	f.Rows++
	switch {
	case f.kind == feedEventSource:
		return append(f.Buf, "data: "...)
	case f.kind != feedContinuous && f.Rows > 1:
		return append(f.Buf, ",\r\n"...)
	}
	return f.Buf
}

// end takes the buffer back with the event appended.
func (f *feedWriter) end(buf []byte, seq string) {
	switch f.kind {
	case feedEventSource:
		buf = append(append(append(buf, "\nid: \""...), seq...), "\"\n\n"...)
	case feedContinuous:
		buf = append(buf, '\n')
	}
	f.Put(buf)
}

func (f *feedWriter) err() error { return f.Writer.Err }

// flush delivers everything up to now.
func (f *feedWriter) flush() error {
	f.Send()
	if f.Writer.Err == nil {
		f.Writer.Err = http.NewResponseController(f.answer).Flush()
	}
	return f.Writer.Err
}

func (f *feedWriter) heartbeat() error {
	if f.kind == feedEventSource {
		f.Text("event: heartbeat\ndata: \n\n")
	} else {
		f.Text("\n")
	}
	return f.flush()
}

// finish ends the feed. A negative pending is not shown.
func (f *feedWriter) finish(lastSeq string, pending int64) error {
	tail := `"last_seq":"` + lastSeq + `"`
	if pending >= 0 {
		tail += `,"pending":` + strconv.FormatInt(pending, 10)
	}
	switch f.kind {
	case feedNormal, feedLongpoll:
		return f.Writer.Finish("\n],\n" + tail + "}\n\n")
	case feedContinuous:
		return f.Writer.Finish("{" + tail + "}\n\n")
	}
	return f.Writer.Finish("")
}
