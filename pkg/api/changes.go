package api

import (
	"context"
	"fmt"
	"time"

	"github.com/callflowd/callflowd/pkg/api/web"
	"github.com/callflowd/callflowd/pkg/callflow"
	"github.com/callflowd/callflowd/pkg/problem"
)

// feedWait is how long a longpoll waits for a change, and how often a stream
// of events shows that it is alive and checks that its caller may still see it.
const feedWait = 30 * time.Second

// listChanges serves GET …/changes?since=…: a page of changes, with
// feed=longpoll at least one where there is one in time, or server-sent events
// for those who accept them.
func (s *Server) listChanges(c *web.Call) (*web.Answer, error) {
	o := callflow.ChangesOptions{Since: c.Value("since")}
	if v, ok := c.Lookup("limit"); ok {
		n, err := integer(v)
		if err != nil || n < 1 {
			return nil, faulty("invalid limit")
		}
		o.Limit = n
	}
	if c.Wants(web.EventStream) {
		return s.StreamChanges(c, o, func(change callflow.Change) any { return change })
	}
	switch feed := c.Value("feed"); feed {
	case "", "normal":
	case "longpoll":
		o.Wait = feedWait
	default:
		return nil, problem.Validation([]problem.Violation{{
			Path: "feed", Code: "enum", Message: "feed is normal or longpoll",
			Members: map[string]any{"target": []string{"normal", "longpoll"}, "value": web.Clip(feed)},
		}})
	}
	found, err := s.cfg.Callflows.Changes(c.Context(), c.Account(), o)
	if err != nil {
		return nil, err
	}
	return &web.Answer{Data: found.Changes, Members: web.Members{LastSeq: found.LastSeq}}, nil
}

// StreamChanges sends changes as they come (WHATWG HTML, section 9.2); shown
// gives what is sent of one. A browser that connects again names the last change
// it has in Last-Event-ID.
// The first page is read before the answer begins, so that an error can still
// have its own status.
func (s *Server) StreamChanges(c *web.Call, o callflow.ChangesOptions, shown func(callflow.Change) any) (*web.Answer, error) {
	if id := c.Request.Header.Get("Last-Event-ID"); id != "" {
		o.Since = id
	}
	found, err := s.cfg.Callflows.Changes(c.Context(), c.Account(), o)
	if err != nil {
		return nil, err
	}
	o.Wait = feedWait
	return &web.Answer{Raw: &web.RawBody{ContentType: web.EventStream, Stream: func(ctx context.Context, w web.FlushWriter) error {
		if _, err := fmt.Fprint(w, ": changes\n\n"); err != nil {
			return err
		}
		for {
			for _, change := range found.Changes {
				body, err := web.Encode(shown(change))
				if err != nil {
					return err
				}
				if _, err := fmt.Fprintf(w, "id: %s\nevent: change\ndata: %s\n\n", change.Seq, body); err != nil {
					return err
				}
			}
			if len(found.Changes) == 0 {
				if _, err := fmt.Fprint(w, ": still here\n\n"); err != nil {
					return err
				}
			}
			w.Flush()
			if err := s.stillAllowed(c); err != nil {
				return err
			}
			o.Since = found.LastSeq
			if found, err = s.cfg.Callflows.Changes(ctx, c.Account(), o); err != nil {
				return err
			}
		}
	}}}, nil
}

// stillAllowed checks the caller of a long answer again: its token may have
// expired, and its account may have been moved or locked.
func (s *Server) stillAllowed(c *web.Call) error {
	if _, err := s.cfg.Auth.Authenticate(c.Context(), c.Credentials()); err != nil {
		return err
	}
	return s.web.Authorise(c, c.Account())
}
