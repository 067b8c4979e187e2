package sites

import (
	"context"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/callflowd/callflowd/pkg/couch"
)

// The states of a replication.
const (
	Starting  = "starting"
	Running   = "running"
	Retrying  = "retrying" // something keeps it from going on, see the last error
	Completed = "completed"
	Failed    = "failed"
)

// Status tells of a replication what may be told: not the password.
type Status struct {
	ID          string    `json:"id"`
	Remote      string    `json:"remote"`
	User        string    `json:"user,omitempty"`
	Direction   string    `json:"direction"`
	Accounts    Selection `json:"accounts"`
	Continuous  bool      `json:"continuous"`
	Tokens      bool      `json:"tokens"`
	SigningKeys bool      `json:"signing_keys"`

	State     string   `json:"state"`
	Databases int      `json:"databases"` // counted once for each direction
	Written   int64    `json:"docs_written"`
	Failures  int64    `json:"doc_write_failures"`
	Pending   *int64   `json:"docs_pending"` // null: not known yet
	Lag       *float64 `json:"lag_seconds"`  // null: not known yet
	LastError string   `json:"last_error,omitempty"`
}

// Statuses tell of all replications, by id.
func (s *Service) Statuses(ctx context.Context) ([]Status, error) {
	all, err := s.Definitions(ctx)
	if err != nil || len(all) == 0 {
		return []Status{}, err
	}
	lines, err := s.Couch.ReplicatorDocs(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]Status, len(all))
	for i, d := range all {
		list[i] = s.status(d, lines, time.Now())
	}
	return list, nil
}

// Status tells of one replication.
func (s *Service) Status(ctx context.Context, id string) (Status, error) {
	d, err := s.Get(ctx, id)
	if err != nil {
		return Status{}, err
	}
	lines, err := s.Couch.ReplicatorDocs(ctx)
	if err != nil {
		return Status{}, err
	}
	return s.status(d, lines, time.Now()), nil
}

func (s *Service) status(d Definition, lines []couch.ReplicatorDoc, now time.Time) Status {
	st := Status{
		ID: d.ID, Remote: d.Remote, User: d.User, Direction: d.Direction, Accounts: d.Accounts, Continuous: d.Continuous,
		Tokens: d.Tokens, SigningKeys: d.SigningKeys, State: Starting,
	}
	states := map[string]int{}
	var pending int64
	known, lag := 0, 0.0
	for _, line := range lines {
		if !strings.HasPrefix(line.DocID, prefix(d.ID)) {
			continue
		}
		st.Databases++
		states[line.State]++
		st.Written += line.Info.Written
		st.Failures += line.Info.Failures
		if line.Info.Pending != nil {
			known++
			pending += *line.Info.Pending
		}
		lag = max(lag, line.Info.Lag)
		if text := line.Info.Error; text != "" && line.State != "completed" {
			st.LastError = d.explain(text)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.problems[d.ID]; err != nil {
		st.LastError = d.explain(err.Error())
		states["crashing"]++
	}
	st.State = overall(states, st.Databases)
	if st.Databases > 0 && known == st.Databases {
		st.Pending = &pending
		if pending == 0 && states["crashing"] == 0 {
			s.current[d.ID] = now
		}
		if since, ok := s.current[d.ID]; ok && lag == 0 {
			lag = now.Sub(since).Seconds() // CouchDB tells no times
		}
		st.Lag = &lag
	}
	return st
}

// overall is the state of the whole by those of its databases.
func overall(states map[string]int, databases int) string {
	switch {
	case states["crashing"]+states["error"] > 0:
		return Retrying
	case states["failed"] > 0:
		return Failed
	case databases == 0, states["initializing"] > 0:
		return Starting
	case states["completed"] == databases:
		return Completed
	}
	return Running
}

// credentials are a user and password in an address.
var credentials = regexp.MustCompile(`://[^/@\s]*@`)

// explain puts an error into an admin's words.
func (d Definition) explain(text string) string {
	text = credentials.ReplaceAllString(text, "://")
	atRemote := strings.Contains(text, d.Remote) || strings.Contains(text, errRemote.Error())
	for _, known := range []struct{ sign, words string }{
		{"connection refused", "the remote does not answer at " + d.Remote + ": is it running, and may this server reach it?"},
		{"no such host", "the name of the remote " + d.Remote + " is not known"},
		{"certificate", "the remote's certificate is not trusted"},
		{"401", "the remote refuses the user and password"},
		{"403", "the remote's user may not use a database that is to be copied"},
		{"Name or password is incorrect", "the remote refuses the user and password"},
		{"timeout", "the remote does not answer in time"},
		{"fell silent", "the remote does not answer in time"},
		{"EOF", "the line to the remote is cut again and again"},
		{"connection reset", "the line to the remote is cut again and again"},
	} {
		if atRemote && strings.Contains(text, known.sign) {
			return known.words + " (" + text + ")"
		}
	}
	return text
}

func escapeUser(name, password string) string { return url.UserPassword(name, password).String() }
