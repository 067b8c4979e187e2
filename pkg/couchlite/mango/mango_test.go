package mango

import (
	"errors"
	"strings"
	"testing"
)

const doc = `{"_id":"d","n":5,"f":1.5,"s":"abc","t":true,"z":null,"a":[1,"x",{"k":1}],"o":{"p":{"q":7},"dotted.key":1},"e":[],"i":12345678901234567890}`

// matches says of selectors whether they mean doc.
var matches = []struct {
	selector string
	want     bool
}{
	{`{}`, true},
	{`{"n":5}`, true},
	{`{"n":5.0}`, true},
	{`{"n":6}`, false},
	{`{"n":5,"s":"abc"}`, true},
	{`{"n":5,"s":"x"}`, false},
	{`{"n":{"$eq":5}}`, true},
	{`{"n":{"$ne":5}}`, false},
	{`{"n":{"$ne":4}}`, true},
	{`{"n":{"$gt":4,"$lt":6}}`, true},
	{`{"n":{"$gte":5}}`, true},
	{`{"n":{"$lte":4}}`, false},
	{`{"n":{"$gt":null}}`, true},
	{`{"s":{"$gt":99}}`, true},
	{`{"n":{"$lt":"a"}}`, true},
	{`{"i":{"$gt":1e10}}`, true},
	{`{"absent":{"$gt":null}}`, false},
	{`{"absent":{"$ne":1}}`, false},
	{`{"absent":{"$exists":false}}`, true},
	{`{"absent":{"$exists":true}}`, false},
	{`{"n":{"$exists":true}}`, true},
	{`{"n":{"$exists":false}}`, false},
	{`{"z":null}`, true},
	{`{"z":{"$exists":true}}`, true},
	{`{"o.p.q":7}`, true},
	{`{"o":{"p":{"q":7}}}`, true},
	{`{"o":{"p":{"q":{"$gt":6}}}}`, true},
	{`{"o.dotted\\.key":1}`, true},
	{`{"n.x":1}`, false},
	{`{"e":[]}`, true},
	{`{"o":{}}`, false},
	{`{"s":{"$regex":"^a.c$"}}`, true},
	{`{"n":{"$regex":"5"}}`, false},
	{`{"s":{"$beginsWith":"ab"}}`, true},
	{`{"s":{"$beginsWith":"b"}}`, false},
	{`{"n":{"$in":[4,5]}}`, true},
	{`{"n":{"$nin":[4,5]}}`, false},
	{`{"a":{"$in":["x"]}}`, true},
	{`{"a":{"$all":[1,"x"]}}`, true},
	{`{"a":{"$all":[1,2]}}`, false},
	{`{"a":{"$all":[]}}`, false},
	{`{"a":{"$size":3}}`, true},
	{`{"s":{"$size":3}}`, false},
	{`{"n":{"$mod":[3,2]}}`, true},
	{`{"f":{"$mod":[3,2]}}`, false},
	{`{"n":{"$type":"number"}}`, true},
	{`{"z":{"$type":"null"}}`, true},
	{`{"t":{"$type":"boolean"}}`, true},
	{`{"s":{"$type":"string"}}`, true},
	{`{"a":{"$type":"array"}}`, true},
	{`{"o":{"$type":"object"}}`, true},
	{`{"a":{"$elemMatch":{"$gt":"w"}}}`, true},
	{`{"a":{"$elemMatch":{"k":1}}}`, true},
	{`{"a":{"$elemMatch":{"k":2}}}`, false},
	{`{"a":{"$allMatch":{"$gt":null}}}`, true},
	{`{"e":{"$allMatch":{"$gt":null}}}`, false},
	{`{"o":{"$keyMapMatch":{"$eq":"p"}}}`, true},
	{`{"o":{"$keyMapMatch":{"$eq":"y"}}}`, false},
	{`{"$and":[{"n":5},{"s":"abc"}]}`, true},
	{`{"$and":[{"n":5},{"s":"x"}]}`, false},
	{`{"$and":[]}`, true},
	{`{"$or":[{"n":4},{"s":"abc"}]}`, true},
	{`{"$or":[{"n":4},{"s":"x"}]}`, false},
	{`{"$nor":[{"n":4},{"s":"x"}]}`, true},
	{`{"$nor":[{"n":5},{"s":"x"}]}`, false},
	{`{"$not":{"n":5}}`, false},
	{`{"$not":{"n":4}}`, true},
	{`{"$not":{"$and":[{"n":5},{"s":"x"}]}}`, true},
	{`{"$not":{"$or":[{"n":5},{"s":"x"}]}}`, false},
	{`{"$not":{"$not":{"n":5}}}`, true},
	{`{"n":{"$not":{"$gt":5}}}`, true},
	{`{"s":{"$not":{"$regex":"b"}}}`, false},
	{`{"n":{"$or":[{"$eq":4},{"$eq":5}]}}`, true},
}

func TestMatch(t *testing.T) {
	for _, tt := range matches {
		s, err := New([]byte(tt.selector))
		if err != nil {
			t.Errorf("%s: %v", tt.selector, err)
			continue
		}
		if got, err := s.Match([]byte(doc)); got != tt.want || err != nil {
			t.Errorf("%s: %v, %v", tt.selector, got, err)
		}
	}
}

func TestNewErrors(t *testing.T) {
	tests := []struct {
		selector string
		want     error
	}{
		{`{"a":{"$bogus":1}}`, ErrOperator},
		{`{"$bogus":1}`, ErrOperator},
		{`[]`, ErrArgument},
		{`{`, ErrArgument},
		{`{"a":{"$in":3}}`, ErrArgument},
		{`{"a":{"$exists":1}}`, ErrArgument},
		{`{"a":{"$type":1}}`, ErrArgument},
		{`{"a":{"$regex":1}}`, ErrArgument},
		{`{"a":{"$regex":"("}}`, ErrArgument},
		{`{"a":{"$beginsWith":1}}`, ErrArgument},
		{`{"a":{"$size":-1}}`, ErrArgument},
		{`{"a":{"$size":"x"}}`, ErrArgument},
		{`{"a":{"$mod":[0,1]}}`, ErrArgument},
		{`{"a":{"$mod":[1]}}`, ErrArgument},
		{`{"$and":{}}`, ErrArgument},
		{`{"a":{"$elemMatch":1}}`, ErrArgument},
		{`{"$not":1}`, ErrArgument},
		{`{"a":{"$elemMatch":{"$bogus":1}}}`, ErrOperator},
		{strings.Repeat(`{"a":`, 200) + "1" + strings.Repeat("}", 200), ErrArgument},
	}
	for _, tt := range tests {
		if _, err := New([]byte(tt.selector)); !errors.Is(err, tt.want) {
			t.Errorf("%.60s: %v, want %v", tt.selector, err, tt.want)
		}
	}
}

func TestMatchBrokenDocument(t *testing.T) {
	s, err := New([]byte(`{"a":1}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Match([]byte(`{`)); err == nil {
		t.Error("no error")
	}
}

func FuzzNew(f *testing.F) {
	f.Add([]byte(`{"a":{"$not":{"$in":[1,"x"]}}}`))
	f.Add([]byte(`{"$or":[{"a.b":{"$mod":[2,1]}},{"$nor":[{"c":null}]}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := New(raw)
		if err != nil {
			return
		}
		if _, err := s.Match([]byte(doc)); err != nil {
			t.Error(err)
		}
	})
}
