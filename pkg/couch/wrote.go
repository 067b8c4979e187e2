package couch

import (
	"github.com/callflowd/callflowd/pkg/document"
)

// Wrote is a write that the server has acknowledged: of a document with the
// revision it got, or of a whole database.
type Wrote struct {
	DB      string       // unescaped
	Doc     document.Doc // nil for a database; must not be changed or kept
	IsNew   bool         // the document was saved without a revision
	Created bool         // the database was made
	Dropped bool         // the database was dropped
}

func (c *Client) tell(w Wrote) {
	if c.told != nil {
		c.told(w)
	}
}

func (d *DB) wrote(doc document.Doc, isNew bool) {
	d.client.tell(Wrote{DB: d.name, Doc: doc, IsNew: isNew})
}
