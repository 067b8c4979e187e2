package couch

import (
	"context"
	"io"

	"github.com/callflowd/callflowd/pkg/problem"
)

// maxAttachment bounds what [DB.Attachment] reads into memory.
const maxAttachment = 1 << 20

// Attachment returns a small attachment of a document's winning revision. If
// there is none the error is [problem.BadIdentifier].
func (d *DB) Attachment(ctx context.Context, id, name string) ([]byte, error) {
	if !readable(id) || dots(id) {
		return nil, d.absent(id, "get an attachment of")
	}
	ctx, cancel := d.client.limit(ctx)
	defer cancel()
	attachment, err := d.kivik.GetAttachment(ctx, id, name)
	if err != nil {
		return nil, d.wrap(cause(ctx, err), "get an attachment of", id)
	}
	defer attachment.Content.Close() //nolint:errcheck // it was read
	raw, err := io.ReadAll(io.LimitReader(attachment.Content, maxAttachment+1))
	if err != nil {
		return nil, d.wrap(cause(ctx, err), "get an attachment of", id)
	}
	if len(raw) > maxAttachment {
		return nil, &problem.Error{Code: problem.DatastoreFault, Msg: "an attachment is too large: " + d.at(id)}
	}
	return raw, nil
}
