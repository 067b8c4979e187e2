package document

// TraceKey is a private field of callflowd's beside Kazoo's. It counts only
// while its request_id is the document's pvt_request_id, since Kazoo keeps
// private fields that it does not know.
const TraceKey = "pvt_callflowd"

// Ours reports whether callflowd wrote this version of a document.
func (d Doc) Ours() bool {
	trace := Doc(d.Object(TraceKey))
	return trace != nil && trace.String("request_id") == d.String("pvt_request_id")
}
