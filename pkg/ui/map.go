package ui

import (
	"time"

	"github.com/callflowd/callflowd/pkg/api/web"
	"github.com/callflowd/callflowd/pkg/draw"
	"github.com/callflowd/callflowd/pkg/lru"
)

// accountMap serves GET /ui/accounts/{A}/map. The map of a large account takes
// a while to draw, and is kept until something changes.
func (p *pages) accountMap(c *web.Call) (*web.Answer, error) {
	view := page{Title: say("map.title"), Nav: "map"}
	list, err := p.catalogue.Of(c.Context(), c.Account(), mapPatience)
	if err != nil {
		return nil, err
	}
	kept, ok := p.maps.Get(c.Account())
	if !ok || kept.version != list.Version {
		docs, err := p.Callflows.All(c.Context(), c.Account())
		if err != nil {
			return nil, err
		}
		drawn := draw.NewMap(p.nameOf(c, c.Account()), docs, p.options(c, draw.Beginnings(docs)...))
		kept = mapKept{list.Version, mapView{pictureOf(say("map.picture"), drawn), len(docs)}}
		p.maps.Put(c.Account(), kept)
	}
	view.Data = kept.mapView
	return p.show(c, "map", view)
}

// mapView is the page of the map.
type mapView struct {
	Picture   picture
	Callflows int
}

// mapKept is a map as it was at a version of the list of callflows.
type mapKept struct {
	version string
	mapView
}

// mapMemory is how many bytes all maps take that are kept, about.
const mapMemory = 32 << 20

func newMaps() *lru.Map[string, mapKept] {
	return lru.NewWeighed(mapMemory, func(_ string, m mapKept) int { return len(m.Picture.SVG) + len(m.Picture.Text) })
}

// mapPatience is how long the map waits for the list of callflows.
const mapPatience = 20 * time.Second
