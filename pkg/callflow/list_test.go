package callflow

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/callflowd/callflowd/pkg/document"
)

func pageIDs(t *testing.T, p Page) []string {
	t.Helper()
	ids := make([]string, len(p.Items))
	for i, item := range p.Items {
		ids[i] = doc(t, string(item)).String("id")
	}
	return ids
}

func TestListPages(t *testing.T) {
	s := newService(t)
	var all []string
	for i := range 7 {
		id := fmt.Sprintf("c%d", i)
		create(t, s, fmt.Sprintf(`{"id":%q,"numbers":["%d"],"even":%v}`, id, i, i%2 == 0))
		all = append(all, id)
	}
	backwards := slices.Clone(all)
	slices.Reverse(backwards)
	even := document.ParseFilter(url.Values{"filter_even": {"true"}})
	tests := []struct {
		name string
		o    ListOptions
		want []string
	}{
		{"descending", ListOptions{PageSize: 3}, backwards},
		{"ascending", ListOptions{PageSize: 3, Ascending: true}, all},
		{"one page", ListOptions{}, backwards},
		{"exactly full", ListOptions{PageSize: 7}, backwards},
		{"from a key to a key", ListOptions{PageSize: 2, Ascending: true, StartKey: "c2", EndKey: "c5"}, all[2:6]},
		{"from a key that nothing has", ListOptions{PageSize: 2, StartKey: "c3x"}, backwards[3:]},
		{"filtered", ListOptions{PageSize: 2, Filter: even}, []string{"c6", "c4", "c2", "c0"}},
		{"filtered, one by one", ListOptions{PageSize: 1, Ascending: true, Filter: even}, []string{"c0", "c2", "c4", "c6"}},
		{"nothing", ListOptions{Filter: document.ParseFilter(url.Values{"has_key": {"nope"}})}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for o := tt.o; ; {
				page, err := s.List(t.Context(), testAccount, o)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, pageIDs(t, page)...)
				if page.NextStartKey == "" {
					break
				}
				if len(page.Items) != o.PageSize {
					t.Fatalf("a page of %d", len(page.Items))
				}
				o.StartKey = page.NextStartKey
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
			var streamed []string
			for item, err := range s.Stream(t.Context(), testAccount, tt.o) {
				if err != nil {
					t.Fatal(err)
				}
				streamed = append(streamed, doc(t, string(item)).String("id"))
			}
			if !reflect.DeepEqual(streamed, tt.want) {
				t.Errorf("streamed %v, want %v", streamed, tt.want)
			}
		})
	}
}

// TestFilteredPageReadsOn has more documents than a filtered page reads at
// once.
func TestFilteredPageReadsOn(t *testing.T) {
	s := newService(t)
	docs := make([]document.Doc, 2*filterChunk+10)
	for i := range docs {
		docs[i] = doc(t, fmt.Sprintf(`{"_id":"c%05d","pvt_type":"callflow","n":%d}`, i, i%filterChunk))
	}
	if _, err := s.Couch.Account(testAccount).Bulk(t.Context(), docs); err != nil {
		t.Fatal(err)
	}
	filter := document.ParseFilter(url.Values{"filter_n": {"9"}})
	page, err := s.List(t.Context(), testAccount, ListOptions{PageSize: 2, Ascending: true, Filter: filter})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"c00009", fmt.Sprintf("c%05d", filterChunk+9)}
	if got := pageIDs(t, page); !reflect.DeepEqual(got, want) || page.NextStartKey != fmt.Sprintf("c%05d", 2*filterChunk+9) {
		t.Errorf("got %v, next %q", got, page.NextStartKey)
	}
}

func TestListItem(t *testing.T) {
	s := newService(t)
	create(t, s, `{"id":"c","name":"n","numbers":["1"],"owner_id":"o","flow":{"module":"user","data":{},"children":{"_":{"module":"voicemail"}}}}`)
	page, err := s.List(t.Context(), testAccount, ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	sameJSON(t, page.Items, `[{"id":"c","name":"n","numbers":["1"],"patterns":[],"featurecode":false,"owner_id":"o","modules":["user","voicemail"],"flags":[]}]`)
}

func TestStartKeys(t *testing.T) {
	const kazoo = "g20AAAAEdGVzdA"
	if got := EncodeStartKey("test"); got != kazoo {
		t.Errorf("encoded %q", got)
	}
	long := base64.RawURLEncoding.EncodeToString([]byte{131, 109, 0, 0, 0, 9, 'x'})
	list := base64.RawURLEncoding.EncodeToString([]byte{131, 108, 0, 0, 0, 1, 'x'})
	for key, want := range map[string]string{
		kazoo: "test", "": "", "c2": "c2", "0123456789abcdef0123456789abcdef": "0123456789abcdef0123456789abcdef",
		long: long, list: list, "not base64!": "not base64!", EncodeStartKey("é/…"): "é/…",
	} {
		if got := DecodeStartKey(key); got != want {
			t.Errorf("decoded %q as %q, want %q", key, got, want)
		}
	}
}

func FuzzDecodeStartKey(f *testing.F) {
	f.Add("g20AAAAEdGVzdA")
	f.Fuzz(func(t *testing.T, id string) {
		DecodeStartKey(id)
		if back := DecodeStartKey(EncodeStartKey(id)); back != id && utf8.ValidString(id) {
			t.Errorf("%q came back as %q", id, back)
		}
	})
}
