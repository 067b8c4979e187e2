package couch

// Waiting is how many calls wait to be sent together with others.
func (c *Client) Waiting(db string) int {
	return c.saves.waitingFor(db) + c.reads.waitingFor(db) + c.looks.waitingFor(db)
}

func (g *gatherer[Q, A]) waitingFor(db string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	if l := g.lanes[db]; l != nil {
		return len(l.waiting)
	}
	return 0
}

// Idle reports whether nothing is remembered of databases that are not asked.
func (c *Client) Idle() bool { return c.saves.idle() && c.reads.idle() && c.looks.idle() }

func (g *gatherer[Q, A]) idle() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.lanes) == 0
}
