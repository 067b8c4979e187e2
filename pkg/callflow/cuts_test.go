package callflow

import (
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/resource"
)

// mergingSite is a service that merges all kinds, as the program does.
func mergingSite(t *testing.T) *Service {
	t.Helper()
	s := newService(t)
	s.Kinds = map[string]Kind{}
	for _, k := range resource.Kinds() {
		s.Kinds[k.Type] = Kind{Schema: k.Design, Keys: k.Keys, Holders: k.Holders, Taken: k.Taken}
	}
	return s
}

// twoSites have what prepare made at one of them.
func twoSites(t *testing.T, prepare func(s *Service)) (a, b *Service) {
	t.Helper()
	a, b = mergingSite(t), mergingSite(t)
	prepare(a)
	copyDatabases(t, a, b)
	return a, b
}

// over writes over the stored document past the service, as the collections do.
func over(t *testing.T, s *Service, id, fields string) {
	t.Helper()
	stored, err := s.Couch.Account(testAccount).Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range doc(t, fields) {
		stored[k] = v
	}
	if err := s.Couch.Account(testAccount).Put(t.Context(), stored); err != nil {
		t.Fatal(err)
	}
}

// leavesOf are all leaf revisions of an account's documents but callflowd's own.
func leavesOf(t *testing.T, s *Service) map[string][]string {
	t.Helper()
	page, err := s.Couch.Account(testAccount).Changes(t.Context(), couch.ChangesOptions{AllDocs: true})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{}
	for _, change := range page.Changes {
		if !ours(change.ID) {
			out[change.ID] = change.Revs
		}
	}
	return out
}

// mergeOrders are the orders in which two sites merge after the line is back.
func mergeOrders(t *testing.T) map[string]func(a, b *Service) {
	merge := func(s *Service) {
		if _, err := s.AutoMerge(t.Context(), testAccount); err != nil {
			t.Error(err)
		}
	}
	return map[string]func(a, b *Service){
		"the first": func(a, _ *Service) { merge(a) }, "the second": func(_, b *Service) { merge(b) },
		"one after the other": func(a, b *Service) { merge(a); exchange(t, a, b); merge(b) },
		"both at once": func(a, b *Service) {
			var group sync.WaitGroup
			group.Go(func() { merge(a) })
			group.Go(func() { merge(b) })
			group.Wait()
		},
	}
}

// What is done at two sites while the line is cut comes out the same at both,
// whichever of them merges first.
func TestCuts(t *testing.T) {
	one := func(s *Service) { create(t, s, `{"id":"c","name":"n","numbers":["1","2"]}`) }
	for name, cut := range map[string]struct {
		before      func(s *Service)
		here, there func(s *Service)
		settled     string // conflicts after all is merged; revisions left out
		public      string // what c is then; "" where it is only the same
	}{
		"both edit": {
			one, func(s *Service) { patch(t, s, "c", `{"numbers":["1","2","3"]}`) }, func(s *Service) { patch(t, s, "c", `{"name":"there"}`) },
			`{"documents":[],"numbers":[],"patterns":[]}`, `{"name":"there","numbers":["1","2","3"],"patterns":[]}`,
		},
		"both edit one place": {
			one, func(s *Service) { patch(t, s, "c", `{"name":"here"}`) }, func(s *Service) { patch(t, s, "c", `{"name":"there"}`) },
			`{"documents":["c callflow false"],"numbers":[],"patterns":[]}`, "",
		},
		"both book one number": {
			one, func(s *Service) { create(t, s, `{"id":"here","numbers":["7"]}`) }, func(s *Service) { create(t, s, `{"id":"there","numbers":["7"]}`) },
			`{"documents":[],"numbers":[{"number":"7","callflow_ids":["here","there"]}],"patterns":[]}`, `{"name":"n","numbers":["1","2"],"patterns":[]}`,
		},
		"one deletes what the other edits": {
			one, func(s *Service) { remove(t, s, "c") }, func(s *Service) { patch(t, s, "c", `{"name":"there"}`) },
			`{"documents":["c callflow false"],"numbers":[],"patterns":[]}`, "",
		},
		"a merge would bring back what another holds": {
			one, func(s *Service) {
				patch(t, s, "c", `{"numbers":["1","2","7"]}`)
			}, func(s *Service) { // the later of two edits wins: the winner lacks the number
				patch(t, s, "c", `{"name":"first"}`)
				patch(t, s, "c", `{"name":"there"}`)
				create(t, s, `{"id":"d","numbers":["7"]}`)
			},
			`{"documents":["c callflow false"],"numbers":[{"number":"7","callflow_ids":["c","d"]}],"patterns":[]}`, "",
		},
		"a number goes from one callflow to another": {
			one, func(s *Service) {
				patch(t, s, "c", `{"numbers":["1"]}`)
				create(t, s, `{"id":"d","numbers":["2"]}`)
			}, func(s *Service) { patch(t, s, "c", `{"name":"there"}`) },
			`{"documents":[],"numbers":[],"patterns":[]}`, `{"name":"there","numbers":["1"],"patterns":[]}`,
		},
	} {
		for order, merge := range mergeOrders(t) {
			t.Run(name+", merged by "+order, func(t *testing.T) {
				a, b := twoSites(t, cut.before)
				cut.here(a)
				cut.there(b)
				exchange(t, a, b)
				sameJSON(t, conflicts(t, b), mustJSON(t, conflicts(t, a)))
				merge(a, b)
				exchange(t, a, b)
				if left, right := leavesOf(t, a), leavesOf(t, b); !maps.EqualFunc(left, right, slices.Equal) {
					t.Fatalf("leaves differ:\n%v\n%v", left, right)
				}
				sameJSON(t, conflicts(t, b), mustJSON(t, conflicts(t, a)))
				for _, s := range []*Service{a, b} {
					sameJSON(t, withoutRevisions(conflicts(t, s)), cut.settled)
					if cut.public == "" {
						continue
					}
					got, err := s.Get(t.Context(), testAccount, "c")
					if err != nil {
						t.Fatal(err)
					}
					sameJSON(t, publicOf(got), cut.public)
				}
				autoMerge(t, a, 0)
				autoMerge(t, b, 0)
			})
		}
	}
}

// withoutRevisions says of each document in conflict whether it is mergeable.
func withoutRevisions(c Conflicts) map[string]any {
	docs := []string{}
	for _, d := range c.Documents {
		text := d.ID + " " + d.Type
		if d.Mergeable {
			docs = append(docs, text+" true")
		} else {
			docs = append(docs, text+" false")
		}
	}
	return map[string]any{"documents": docs, "numbers": c.Numbers, "patterns": c.Patterns}
}

// What waits for a number is merged once the other callflow gives it up.
func TestMergeGoesOnWhenTheNumberIsFree(t *testing.T) {
	a, b := twoSites(t, func(s *Service) { create(t, s, `{"id":"c","name":"n","numbers":["1"]}`) })
	patch(t, a, "c", `{"numbers":["1","7"]}`)
	patch(t, b, "c", `{"name":"first"}`)
	patch(t, b, "c", `{"name":"there"}`) // it wins, and lacks the number
	create(t, b, `{"id":"d","numbers":["7","8"]}`)
	exchange(t, a, b)
	at := mergeState{}
	round := func(want int) {
		t.Helper()
		if merged, err := a.autoMergeSince(t.Context(), testAccount, &at); err != nil || merged != want {
			t.Fatalf("merged %d, want %d: %v", merged, want, err)
		}
	}
	round(0)
	if len(at.waiting) != 1 {
		t.Fatalf("waiting %v", at.waiting)
	}
	patch(t, a, "d", `{"numbers":["8"]}`)
	round(1)
	got, err := a.Get(t.Context(), testAccount, "c")
	if err != nil {
		t.Fatal(err)
	}
	sameJSON(t, publicOf(got), `{"name":"there","numbers":["1","7"],"patterns":[]}`)
	_, err = a.Create(t.Context(), write(t, "", `{"numbers":["7"]}`))
	wantError(t, err, problem.Invalid, "")
}

// Two callflows that both want a number back: neither gets it by being merged
// first.
func TestMergesDoNotRace(t *testing.T) {
	a, b := twoSites(t, func(s *Service) {
		create(t, s, `{"id":"c","name":"n","numbers":["1"]}`)
		create(t, s, `{"id":"d","name":"n","numbers":["2"]}`)
	})
	patch(t, a, "c", `{"numbers":["1","7"]}`)
	patch(t, b, "d", `{"numbers":["2","7"]}`)
	for _, name := range []string{`{"name":"first"}`, `{"name":"second"}`} { // they win, and lack the number
		patch(t, b, "c", name)
		patch(t, a, "d", name)
	}
	exchange(t, a, b)
	before := conflicts(t, a)
	for _, s := range []*Service{a, b} {
		autoMerge(t, s, 0)
	}
	exchange(t, a, b)
	after := conflicts(t, a)
	sameJSON(t, conflicts(t, b), mustJSON(t, after))
	sameJSON(t, after.Numbers, `[{"number":"7","callflow_ids":["c","d"]}]`)
	sameJSON(t, before.Numbers, mustJSON(t, after.Numbers))
}

// Users, devices and the other collections are merged by the same rules.
func TestCutsOfOtherKinds(t *testing.T) {
	for name, cut := range map[string]struct {
		stored, here, there string
		want                string // "" where people have to settle it
	}{
		"device": {
			`{"_id":"x","pvt_type":"device","name":"n","enabled":true}`, `{"name":"here"}`, `{"enabled":false}`, `{"name":"here","enabled":false}`,
		},
		"menu": {`{"_id":"x","pvt_type":"menu","name":"n","retries":3}`, `{"name":"here"}`, `{"retries":5}`, `{"name":"here","retries":5}`},
		"user and password": {
			`{"_id":"x","pvt_type":"user","first_name":"F","last_name":"L","username":"u","pvt_md5_auth":"old"}`, `{"pvt_md5_auth":"new"}`, `{"first_name":"there"}`,
			`{"first_name":"there","username":"u","pvt_md5_auth":"new"}`,
		},
		"two passwords": {
			`{"_id":"x","pvt_type":"user","first_name":"F","last_name":"L","username":"u","pvt_md5_auth":"old"}`, `{"pvt_md5_auth":"here"}`, `{"pvt_md5_auth":"there"}`, "",
		},
		"a username that another has": {
			`{"_id":"x","pvt_type":"user","first_name":"F","last_name":"L","username":"u"}`, `{"username":"taken"}`, `{"first_name":"there"}`, "",
		},
		"invalid together": {
			`{"_id":"x","pvt_type":"device","name":"n"}`, `{"name":5}`, `{"enabled":false}`, "",
		},
		"of no collection": {`{"_id":"x","pvt_type":"other","a":1,"b":1}`, `{"a":2}`, `{"b":2}`, ""},
	} {
		for order, merge := range mergeOrders(t) {
			t.Run(name+", merged by "+order, func(t *testing.T) {
				a, b := twoSites(t, func(s *Service) { put(t, s, cut.stored) })
				put(t, b, `{"_id":"y","pvt_type":"user","first_name":"F","last_name":"L","username":"taken"}`)
				over(t, a, "x", cut.here)
				over(t, b, "x", `{"custom":1}`) // its side wins
				over(t, b, "x", cut.there)
				exchange(t, a, b)
				merge(a, b)
				exchange(t, a, b)
				if left, right := leavesOf(t, a), leavesOf(t, b); !maps.EqualFunc(left, right, slices.Equal) {
					t.Fatalf("leaves differ:\n%v\n%v", left, right)
				}
				checkMerged(t, a, cut.want)
			})
		}
	}
}

// checkMerged looks at the fields of x that are wanted; none: it is still in
// conflict.
func checkMerged(t *testing.T, s *Service, want string) {
	t.Helper()
	left := conflicts(t, s).Documents
	got, err := s.Couch.Account(testAccount).Get(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	if want == "" {
		if len(left) != 1 {
			t.Errorf("merged to %v", got)
		}
		return
	}
	if len(left) != 0 {
		t.Errorf("still in conflict: %+v", left)
	}
	for k, v := range doc(t, want) {
		if !document.Equal(got[k], v) {
			t.Errorf("%s is %v, want %v", k, got[k], v)
		}
	}
}

// People who settle a conflict are told that a username is taken, and a choice
// between passwords is a change.
func TestResolveJudgesOtherKinds(t *testing.T) {
	s := mergingSite(t)
	put(t, s, `{"_id":"y","pvt_type":"user","username":"taken"}`)
	fork(t, s, "x", `{"pvt_type":"user","username":"u"}`, `{"pvt_type":"user","username":"taken"}`, `{"pvt_type":"user","username":"u","email":"e"}`)
	_, err := s.Resolve(t.Context(), write(t, "x", `{}`), Resolution{Keep: "2-b"})
	wantError(t, err, problem.Invalid, `{"username":{"unique":{"cause":"taken"}}}`)
	fork(t, s, "p", `{"pvt_type":"user","pvt_md5_auth":"0"}`, `{"pvt_type":"user","pvt_md5_auth":"1"}`, `{"pvt_type":"user","pvt_md5_auth":"2"}`)
	saved, err := s.Resolve(t.Context(), write(t, "p", `{}`), Resolution{Keep: "2-b"})
	if err != nil || saved.Doc.String("pvt_md5_auth") != "1" {
		t.Errorf("kept %v, %v", saved.Doc, err)
	}
}
