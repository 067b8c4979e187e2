package draw

import (
	"cmp"
	"slices"
)

// The layout of a map goes from left to right in columns: a callflow stands
// right of those that lead to it (Sugiyama's method: ways that lead back are
// turned, ways over several columns get a stop in each, stops are ordered by
// where their neighbours are).

const (
	cardW     = 176.0
	columnGap = 64.0
	cardGap   = 12.0
)

// stop is a callflow in its column, or where a long way passes a column.
type stop struct {
	card       *card // nil for a way that passes
	column     int
	x, y, h    float64
	left, next []*stop // neighbours in the columns beside it
}

func (s *stop) middle() float64 { return s.y + s.h/2 }

// route is a way with the stops that it passes.
type route struct {
	way   Way
	stops []*stop
	back  bool // drawn from right to left
}

// graph is the part of a map that has ways.
type graph struct {
	stops   map[*Place]*stop
	columns [][]*stop
	routes  []route
}

// arrange lays out callflows and their ways.
func arrange(places []*Place) *graph {
	g := &graph{stops: map[*Place]*stop{}}
	back := backWays(places)
	column := columnsOf(places, back)
	for _, p := range places {
		c := newCard(p)
		s := &stop{card: c, column: column[p], h: c.h}
		g.stops[p] = s
		g.put(s)
	}
	for _, p := range places {
		for i, w := range p.Ways {
			g.connect(p, w, back[wayKey{p, i}])
		}
	}
	g.order()
	g.level()
	return g
}

func (g *graph) put(s *stop) {
	for len(g.columns) <= s.column {
		g.columns = append(g.columns, nil)
	}
	g.columns[s.column] = append(g.columns[s.column], s)
}

// wayKey is one of the ways of a place.
type wayKey struct {
	from *Place
	i    int
}

// backWays finds the ways that close a circle, a way to itself among them.
func backWays(places []*Place) map[wayKey]bool {
	const active, done = 1, 2
	back, state := map[wayKey]bool{}, map[*Place]int{}
	var visit func(p *Place)
	visit = func(p *Place) {
		state[p] = active
		for i, w := range p.Ways {
			switch state[w.To] {
			case active:
				back[wayKey{p, i}] = true
			case done:
			default:
				visit(w.To)
			}
		}
		state[p] = done
	}
	for _, p := range places {
		if state[p] == 0 {
			visit(p)
		}
	}
	return back
}

// columnsOf puts each place right of all that lead to it.
func columnsOf(places []*Place, back map[wayKey]bool) map[*Place]int {
	column := map[*Place]int{}
	for changed := true; changed; {
		changed = false
		for _, p := range places {
			for i, w := range p.Ways {
				if !back[wayKey{p, i}] && column[w.To] <= column[p] {
					column[w.To], changed = column[p]+1, true
				}
			}
		}
	}
	return column
}

// connect adds a way, with a stop in each column that it passes.
func (g *graph) connect(from *Place, w Way, back bool) {
	a, b := g.stops[from], g.stops[w.To]
	r := route{way: w, back: back}
	if a == b {
		return // a callflow that leads to itself says so on its card
	}
	if back {
		a, b = b, a
	}
	r.stops = []*stop{a}
	for column := a.column + 1; column < b.column; column++ {
		s := &stop{column: column, h: 4}
		g.put(s)
		r.stops = append(r.stops, s)
	}
	r.stops = append(r.stops, b)
	for i := range len(r.stops) - 1 {
		r.stops[i].next = append(r.stops[i].next, r.stops[i+1])
		r.stops[i+1].left = append(r.stops[i+1].left, r.stops[i])
	}
	g.routes = append(g.routes, r)
}

// order sorts each column by the mean place of the neighbours, forth and back.
func (g *graph) order() {
	at := map[*stop]float64{}
	number := func(column []*stop) {
		for i, s := range column {
			at[s] = float64(i)
		}
	}
	for _, column := range g.columns {
		number(column)
	}
	for round := range 8 {
		for i := range g.columns {
			column := g.columns[i]
			if round%2 == 1 {
				column = g.columns[len(g.columns)-1-i]
			}
			mean := map[*stop]float64{}
			for _, s := range column {
				mean[s] = meanOf(s, round%2 == 0, func(n *stop) float64 { return at[n] }, at[s])
			}
			slices.SortStableFunc(column, func(a, b *stop) int { return cmp.Compare(mean[a], mean[b]) })
			number(column)
		}
	}
}

// meanOf is the mean of the neighbours on one side, or otherwise without any.
func meanOf(s *stop, left bool, value func(*stop) float64, otherwise float64) float64 {
	neighbours := s.next
	if left {
		neighbours = s.left
	}
	if len(neighbours) == 0 {
		return otherwise
	}
	sum := 0.0
	for _, n := range neighbours {
		sum += value(n)
	}
	return sum / float64(len(neighbours))
}

// level moves each stop up or down to where its neighbours are, as far as those
// above and below let it.
func (g *graph) level() {
	for _, column := range g.columns {
		y := 0.0
		for _, s := range column {
			s.x, s.y = float64(s.column)*(cardW+columnGap), y
			y += s.h + cardGap
		}
	}
	for round := range 10 {
		for i := range g.columns {
			left := round%2 == 0
			column := g.columns[i]
			if !left {
				column = g.columns[len(g.columns)-1-i]
			}
			settle(column, left)
		}
	}
	top := 0.0
	for _, column := range g.columns {
		top = min(top, column[0].y)
	}
	for _, column := range g.columns {
		for _, s := range column {
			s.y -= top
		}
	}
}

// settle gives the stops of a column the middle between the highest and the
// lowest places that keep their order.
func settle(column []*stop, left bool) {
	want := make([]float64, len(column))
	for i, s := range column {
		want[i] = meanOf(s, left, (*stop).middle, s.middle()) - s.h/2
	}
	down, up := slices.Clone(want), slices.Clone(want)
	for i := 1; i < len(column); i++ {
		down[i] = max(down[i], down[i-1]+column[i-1].h+cardGap)
	}
	for i := len(column) - 2; i >= 0; i-- {
		up[i] = min(up[i], up[i+1]-column[i].h-cardGap)
	}
	for i, s := range column {
		s.y = (down[i] + up[i]) / 2
	}
}
