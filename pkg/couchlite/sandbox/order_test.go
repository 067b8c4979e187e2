package sandbox_test

import "testing"

// TestOrderOfMembers lists members as JavaScript does: those that are indexes of
// arrays first, by number, then the others as they were written.
func TestOrderOfMembers(t *testing.T) {
	tests := []struct{ document, want string }{
		{`{"b":1,"10":1,"9":1,"a":1,"0":1}`, `["0","9","10","b","a"]`},
		{`{"00":1,"01":1,"1":1,"0":1}`, `["0","1","00","01"]`},
		{`{"4294967295":1,"4294967294":1,"1":1}`, `["1","4294967294","4294967295"]`},
		{`{"99999999999":1,"10000000000":1,"999999999":1}`, `["999999999","99999999999","10000000000"]`},
		{`{"-1":1,"1.5":1,"+1":1,"1e1":1," 1":1,"":1,"2":1}`, `["2","-1","1.5","+1","1e1"," 1",""]`},
		{`{"a":1,"1":2,"a":3,"1":4}`, `["1","a"]`},
		{`{"100":1,"20":1,"3":1,"1000":1,"x":1,"200":1}`, `["3","20","100","200","1000","x"]`},
		{`{"m13":1,"m12":1,"m11":1,"m10":1,"m9":1,"m8":1,"m7":1,"m6":1,"m5":1,"m4":1,"m3":1,"m2":1,"2":1,"1":1}`, `["1","2","m13","m12","m11","m10","m9","m8","m7","m6","m5","m4","m3","m2"]`},
	}
	m := newMachine(t, `function(doc) { var k = [], v = 0; for (var i in doc) { k.push(i); v += doc[i] } emit(Object.keys(doc), [k.join() === Object.keys(doc).join(), Object.keys(JSON.parse(JSON.stringify(doc))).join() === k.join()]) }`)
	for _, tt := range tests {
		results, err := m.Map(t.Context(), []byte(tt.document), nil)
		if err != nil || results[0].Err != nil {
			t.Fatalf("%s: %v %v", tt.document, err, results[0].Err)
		}
		if got := rows(results[0]); got != tt.want+"=[true,true]" {
			t.Errorf("%s: %s, want %s", tt.document, got, tt.want)
		}
	}
}
