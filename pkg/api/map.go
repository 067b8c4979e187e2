package api

import (
	"github.com/callflowd/callflowd/pkg/api/web"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/draw"
	"github.com/callflowd/callflowd/pkg/schema"
)

// accountMap is the JSON form of a map.
type accountMap struct {
	Nodes []mapNode `json:"nodes"`
	Edges []mapEdge `json:"edges"`
}

type mapNode struct {
	ID          string `json:"id"`
	Name        string `json:"name,omitempty"`
	Numbers     any    `json:"numbers,omitempty"`
	Patterns    any    `json:"patterns,omitempty"`
	FeatureCode bool   `json:"featurecode,omitempty"`
	Missing     bool   `json:"missing,omitempty"` // there is no such callflow
}

type mapEdge struct {
	From   string `json:"from"`
	To     string `json:"to"`
	Enters bool   `json:"enters"` // calls go on there
}

// getMap serves GET …/map: the account's callflows as a graph. The JSON form
// has all of them; a picture says how many it leaves out.
func (s *Server) getMap(c *web.Call) (*web.Answer, error) {
	docs, err := s.cfg.Callflows.All(c.Context(), c.Account())
	if err != nil {
		return nil, err
	}
	if c.As() == "" {
		return &web.Answer{Data: mapOf(docs), Digest: true}, nil
	}
	return drawn(c, draw.NewMap("", docs, s.drawOptions(c, draw.Beginnings(docs)...))), nil
}

// mapOf makes the graph of callflows. Each way is there once.
func mapOf(docs []document.Doc) accountMap {
	out := accountMap{Nodes: []mapNode{}, Edges: []mapEdge{}}
	known := map[string]bool{}
	for _, doc := range docs {
		known[doc.ID()] = true
		out.Nodes = append(out.Nodes, nodeOf(doc))
	}
	for _, doc := range docs {
		led := map[string]bool{}
		for action := range schema.Walk(doc) {
			for _, r := range action.References() {
				if r.Type != "callflow" || led[r.ID] {
					continue
				}
				led[r.ID] = true
				out.Edges = append(out.Edges, mapEdge{From: doc.ID(), To: r.ID, Enters: r.Enters})
				if !known[r.ID] {
					known[r.ID] = true
					out.Nodes = append(out.Nodes, mapNode{ID: r.ID, Missing: true})
				}
			}
		}
	}
	return out
}

func nodeOf(doc document.Doc) mapNode {
	n := mapNode{ID: doc.ID(), Name: doc.String("name")}
	if list, ok := doc["numbers"].([]any); ok && len(list) > 0 {
		n.Numbers = list
	}
	if list, ok := doc["patterns"].([]any); ok && len(list) > 0 {
		n.Patterns = list
	}
	_, n.FeatureCode = doc["featurecode"].(map[string]any)
	return n
}
