package couch

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// life identifies a database between two events that its changes do not show: it
// was deleted and created again, or documents were purged. What was read in one
// life may not be true in the next. The zero value stands for not known.
type life struct {
	start  string // when the database was created, "0" where the server does not say
	purges int    // how often documents were purged
}

// lifeOf reads a database's information. A server that does not count purges
// has none.
func lifeOf(info []byte) life {
	var given struct {
		Start  any `json:"instance_start_time"`
		Purges any `json:"purge_seq"`
	}
	out := life{start: "0"}
	if json.Unmarshal(info, &given) != nil {
		return out
	}
	if given.Start != nil {
		out.start = fmt.Sprint(given.Start)
	}
	switch purges := given.Purges.(type) {
	case string:
		out.purges = position(purges)
	case float64:
		out.purges = int(purges)
	}
	return out
}

// continues reports whether what was true of the earlier life still is. The
// copies of a shard may have counted different numbers of purges, and a
// different one may answer each time, so a lower number is ignored.
func (l life) continues(earlier life) bool {
	return l.start == earlier.start && l.purges <= earlier.purges
}

func (l life) String() string {
	if l == (life{}) {
		return ""
	}
	return strconv.Itoa(l.purges) + "/" + l.start
}

// parseLife reads what String wrote; anything else is not known.
func parseLife(text string) life {
	purges, start, ok := strings.Cut(text, "/")
	n, err := strconv.Atoi(purges)
	if !ok || err != nil {
		return life{}
	}
	return life{start: start, purges: n}
}
