package couch

// Waiting is how many calls wait to be sent together with others.
func (c *Client) Waiting(db string) int { return c.saves.waitingFor(db) + c.reads.waitingFor(db) }

func (g *gatherer[Q, A]) waitingFor(db string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	if l := g.lanes[db]; l != nil {
		return len(l.waiting)
	}
	return 0
}

// Idle reports whether nothing is remembered of databases that are not asked.
func (c *Client) Idle() bool {
	c.saves.mu.Lock()
	defer c.saves.mu.Unlock()
	c.reads.mu.Lock()
	defer c.reads.mu.Unlock()
	return len(c.saves.lanes)+len(c.reads.lanes) == 0
}
