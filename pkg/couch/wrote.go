package couch

import (
	"slices"

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

// OnWrite has fn called for each later write of this client, before the call that
// wrote returns.
func (c *Client) OnWrite(fn func(Wrote)) {
	c.listening.Lock()
	defer c.listening.Unlock()
	listeners := append(slices.Clone(c.listeners()), fn)
	c.told.Store(&listeners)
}

func (c *Client) listeners() []func(Wrote) {
	if told := c.told.Load(); told != nil {
		return *told
	}
	return nil
}

func (c *Client) tell(w Wrote) {
	for _, fn := range c.listeners() {
		fn(w)
	}
}

func (d *DB) wrote(doc document.Doc, isNew bool) {
	d.client.tell(Wrote{DB: d.name, Doc: doc, IsNew: isNew})
}
