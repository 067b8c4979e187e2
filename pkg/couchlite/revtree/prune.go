package revtree

// keep drops the nodes that are not alive, calls dropped for those with
// content, and makes the children of dropped nodes roots.
func (t *Tree) keep(alive []bool, dropped func(body int64)) {
	place := make([]int, len(t.nodes))
	var kept []Node
	for i, n := range t.nodes {
		place[i] = -1
		if alive[i] {
			place[i] = len(kept)
			kept = append(kept, n)
		} else if n.Body != 0 && dropped != nil {
			dropped(n.Body)
		}
	}
	for i := range kept {
		if p := kept[i].parent; p >= 0 {
			kept[i].parent = place[p]
		}
	}
	t.nodes = kept
}

// Stem forgets revisions more than limit generations above every leaf, as
// CouchDB does under _revs_limit, and calls dropped with their content.
func (t *Tree) Stem(limit int, dropped func(body int64)) {
	if len(t.nodes) <= limit {
		return
	}
	alive := make([]bool, len(t.nodes))
	for i, is := range t.leaf() {
		for n, left := i, limit; is && n >= 0 && left > 0; n, left = t.nodes[n].parent, left-1 {
			alive[n] = true
		}
	}
	t.keep(alive, dropped)
}

// Compact forgets the content of every revision that is no leaf and calls
// dropped with it.
func (t *Tree) Compact(dropped func(body int64)) {
	for i, is := range t.leaf() {
		if n := &t.nodes[i]; !is && n.Body != 0 {
			dropped(n.Body)
			n.Body = 0
		}
	}
}

// Purge forgets those of revs that are leaves, with every ancestor that no
// other leaf has, and leaves no tombstone. It returns the leaves removed.
func (t *Tree) Purge(revs []Rev, dropped func(body int64)) []Rev {
	var purged []Rev
	alive := make([]bool, len(t.nodes))
	for i, is := range t.leaf() {
		if !is {
			continue
		}
		if contains(revs, t.nodes[i].Rev) {
			purged = append(purged, t.nodes[i].Rev)
			continue
		}
		for n := i; n >= 0; n = t.nodes[n].parent {
			alive[n] = true
		}
	}
	if len(purged) > 0 {
		t.keep(alive, dropped)
	}
	return purged
}

func contains(revs []Rev, r Rev) bool {
	for _, other := range revs {
		if other == r {
			return true
		}
	}
	return false
}

// Bodies calls fn for the content of every revision.
func (t *Tree) Bodies(fn func(body int64)) {
	for _, n := range t.nodes {
		if n.Body != 0 {
			fn(n.Body)
		}
	}
}
