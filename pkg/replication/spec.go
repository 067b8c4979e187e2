package replication

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/callflowd/callflowd/pkg/replication/replicator"
)

// spec is a replication as a document of _replicator, or a POST of
// _replicate, describes it.
type spec struct {
	Source          end             `json:"source"`
	Target          end             `json:"target"`
	Continuous      bool            `json:"continuous"`
	CreateTarget    bool            `json:"create_target"`
	Cancel          bool            `json:"cancel"`
	ID              string          `json:"id"`
	LocalID         string          `json:"_local_id"`
	ReplicationID   string          `json:"replication_id"`
	DocIDs          []string        `json:"doc_ids"`
	Selector        json.RawMessage `json:"selector"`
	Filter          string          `json:"filter"`
	Params          map[string]any  `json:"query_params"`
	Since           json.RawMessage `json:"since_seq"`
	UseCheckpoints  *bool           `json:"use_checkpoints"`
	Interval        int             `json:"checkpoint_interval"` // milliseconds
	UserCtx         json.RawMessage `json:"user_ctx"`
	State           string          `json:"_replication_state"`
	Deleted         bool            `json:"_deleted"`
	WorkerBatchSize int             `json:"worker_batch_size"`
}

// end is one end: an address, or an object with one.
type end struct {
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
	Auth    struct {
		Basic *struct {
			Username string `json:"username"`
			Password string `json:"password"`
		} `json:"basic"`
	} `json:"auth"`
}

// UnmarshalJSON implements [json.Unmarshaler].
func (e *end) UnmarshalJSON(raw []byte) error {
	if json.Unmarshal(raw, &e.URL) == nil {
		return nil
	}
	type plain end
	return json.Unmarshal(raw, (*plain)(e))
}

// parse checks a description. Its error is for those who wrote it.
func parse(raw []byte) (spec, error) {
	var s spec
	if err := json.Unmarshal(raw, &s); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			return s, errors.New("`" + wrong.Field + "` has a value of the wrong type")
		}
		return s, errors.New("the document is not valid")
	}
	if s.Source.URL == "" && !s.Cancel {
		//lint:ignore ST1005 these are CouchDB's words
		return s, errors.New("Missing `source` field")
	}
	if s.Target.URL == "" && !s.Cancel {
		//lint:ignore ST1005 these are CouchDB's words
		return s, errors.New("Missing `target` field")
	}
	given := 0
	for _, is := range []bool{s.DocIDs != nil, s.Selector != nil, s.Filter != ""} {
		if is {
			given++
		}
	}
	if given > 1 {
		return s, errors.New("`doc_ids`, `filter`, `selector` are mutually exclusive")
	}
	return s, nil
}

// options are the replicator's.
func (s *Scheduler) options(d spec) (replicator.Options, error) {
	source, err := s.peer(d.Source)
	if err != nil {
		return replicator.Options{}, err
	}
	target, err := s.peer(d.Target)
	if err != nil {
		return replicator.Options{}, err
	}
	o := replicator.Options{
		Source: source, Target: target, Owner: s.cfg.UUID, Continuous: d.Continuous, CreateTarget: d.CreateTarget,
		Filter:     replicator.Filter{DocIDs: d.DocIDs, Selector: d.Selector, Function: d.Filter, Params: map[string]string{}},
		Checkpoint: time.Duration(d.Interval) * time.Millisecond, NoCheckpoints: d.UseCheckpoints != nil && !*d.UseCheckpoints,
		Attempts: s.cfg.Attempts, Log: s.cfg.Log,
	}
	if json.Unmarshal(d.Since, &o.Since) != nil {
		o.Since = string(d.Since)
	}
	for name, value := range d.Params {
		text, ok := value.(string)
		if !ok {
			raw, err := json.Marshal(value)
			if err != nil {
				return o, err
			}
			text = string(raw)
		}
		o.Params[name] = text
	}
	return o, nil
}

// peer is where an end is: a name without a scheme is a database of this
// server.
func (s *Scheduler) peer(e end) (replicator.Peer, error) {
	p := replicator.Peer{URL: e.URL, Header: http.Header{}}
	for name, value := range e.Headers {
		p.Header.Set(name, value)
	}
	if !strings.Contains(e.URL, "://") {
		p.URL, p.Transport = s.cfg.LocalURL+"/"+replicator.EscapeDB(e.URL), s.cfg.Local
		return p, nil
	}
	if basic := e.Auth.Basic; basic != nil {
		u, err := url.Parse(e.URL)
		if err != nil {
			return p, errors.New("the address of a database cannot be parsed")
		}
		u.User = url.UserPassword(basic.Username, basic.Password)
		p.URL = u.String()
	}
	return p, nil
}
