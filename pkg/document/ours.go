package document

import (
	"encoding/json"
	"strconv"
	"strings"
)

// TraceKey is a private field of callflowd's beside Kazoo's. It counts only
// while its request_id is the document's pvt_request_id, since Kazoo keeps
// private fields that it does not know.
const TraceKey = "pvt_callflowd"

// Ours reports whether callflowd wrote this version of a document. A trace that
// tells its generation is no longer ours after an edit that left private fields
// alone.
func (d Doc) Ours() bool {
	trace := Doc(d.Object(TraceKey))
	at, told := trace["generation"].(json.Number)
	return trace != nil && trace.String("request_id") == d.String("pvt_request_id") && (!told || string(at) == strconv.Itoa(d.Generation()))
}

// Generation is how many revisions a document has had, 0 for one that is not
// stored: the number before the dash of its _rev.
func (d Doc) Generation() int { return Generation(d.Rev()) }

// Generation is the number before the dash of a revision, 0 without one.
func Generation(rev string) int {
	number, _, _ := strings.Cut(rev, "-")
	n, _ := strconv.Atoi(number)
	return n
}
