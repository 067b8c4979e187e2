package callflow

import "testing"

func TestSearch(t *testing.T) {
	s := newService(t)
	create(t, s, `{"id":"a","name":"Main Line","numbers":["4158867900"]}`)
	create(t, s, `{"id":"b","name":"mainz","numbers":["2600"]}`)
	create(t, s, `{"id":"c","name":"Other 2600","numbers":["2601"]}`)
	put(t, s, `{"_id":"u","pvt_type":"user","first_name":"Main","last_name":"User"}`)
	tests := []struct {
		o    SearchOptions
		want string
	}{
		{SearchOptions{Type: "callflow", By: "name", Value: "MAIN"}, `[{"id":"a","name":"Main Line","numbers":["+14158867900"]},{"id":"b","name":"mainz","numbers":["2600"]}]`},
		{SearchOptions{Type: "callflow", By: "name", Value: "main l"}, `[{"id":"a","name":"Main Line","numbers":["+14158867900"]}]`},
		{SearchOptions{Type: "callflow", By: "number", Value: "+1 415"}, `[{"id":"a","name":"Main Line","numbers":["+14158867900"]}]`},
		{SearchOptions{Type: "callflow", By: "name_and_number", Value: "26", Limit: 1}, `[{"id":"b","name":"mainz","numbers":["2600"]}]`},
		{SearchOptions{Type: "user", By: "name", Value: "mainu"}, `[{"id":"u","name":"Main User"}]`},
		{SearchOptions{Type: "menu", By: "name", Value: "main"}, `[]`},
	}
	for _, tt := range tests {
		got, err := s.Search(t.Context(), testAccount, tt.o)
		if err != nil {
			t.Fatal(err)
		}
		sameJSON(t, got, tt.want)
	}
}
