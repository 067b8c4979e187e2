package replicator_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/replication/replicator"
)

// ringDocs is how many documents the sites of the ring edit: so many that none
// has more revisions than a tree remembers.
func ringDocs(length time.Duration) int { return 20 + int(length.Seconds()) }

// Three sites in a ring, each copying to the next and back over lines that are
// cut, edit the same documents at random: all converge, and every edit that
// was acknowledged is in the revision trees at all of them.
// REPLICATION_RING says for how long they edit.
func TestRing(t *testing.T) {
	length := 3 * time.Second
	if text := os.Getenv("REPLICATION_RING"); text != "" {
		var err error
		if length, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	var sites [3]string
	for i := range sites {
		sites[i] = database(t)
	}
	for i, site := range sites {
		next := cutting(t, sites[(i+1)%len(sites)], 400*time.Millisecond)
		continuous(t, peers(site, next))
		continuous(t, peers(next, site))
	}
	acknowledged := editAll(t, sites[:], length)
	converged := func() bool {
		first := fmt.Sprint(leaves(t, sites[0]))
		return first == fmt.Sprint(leaves(t, sites[1])) && first == fmt.Sprint(leaves(t, sites[2]))
	}
	couchtest.Eventually(t, "all three have the same leaves", converged)
	edits := 0
	for _, site := range sites {
		for id, revs := range acknowledged {
			known := ancestry(t, site, id)
			edits += len(revs)
			for _, rev := range revs {
				if !known[rev] {
					t.Errorf("%s: the edit %s of %s is lost", site, rev, id)
				}
			}
		}
	}
	t.Logf("%d edits in %v, none lost", edits/len(sites), length)
}

// editAll edits random documents at all sites at the same time, and returns
// the revisions that were acknowledged.
func editAll(t *testing.T, sites []string, length time.Duration) map[string][]string {
	t.Helper()
	acknowledged := map[string][]string{}
	var mu sync.Mutex
	var group sync.WaitGroup
	end := time.Now().Add(length)
	for i, site := range sites {
		group.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 7))
			for time.Now().Before(end) {
				id, rev := edit(t, site, ringDocs(length), r)
				if rev == "" {
					continue // somebody else's edit came first
				}
				mu.Lock()
				acknowledged[id] = append(acknowledged[id], rev)
				mu.Unlock()
			}
		})
	}
	group.Wait()
	return acknowledged
}

// edit writes one document over the winner, or deletes it.
func edit(t *testing.T, site string, docs int, r *rand.Rand) (id, rev string) {
	id = fmt.Sprintf("doc%d", r.IntN(docs))
	doc := object{}
	try(t, http.MethodGet, site+"/"+id, nil, &doc)
	doc["value"] = r.Uint32()
	if r.IntN(10) == 0 && doc["_rev"] != nil {
		doc = object{"_rev": doc["_rev"], "_deleted": true}
	}
	var saved struct{ Rev string }
	try(t, http.MethodPut, site+"/"+id, doc, &saved)
	return id, saved.Rev
}

// ancestry are all revisions that a document's leaves descend from.
func ancestry(t *testing.T, site, id string) map[string]bool {
	t.Helper()
	var docs []struct {
		OK struct {
			Revisions struct {
				Start int
				IDs   []string
			} `json:"_revisions"`
		}
	}
	ask(t, http.MethodGet, site+"/"+replicator.EscapeDB(id)+"?open_revs=all&revs=true", nil, &docs)
	known := map[string]bool{}
	for _, doc := range docs {
		for i, hash := range doc.OK.Revisions.IDs {
			known[fmt.Sprintf("%d-%s", doc.OK.Revisions.Start-i, hash)] = true
		}
	}
	return known
}
