package sandbox_test

import (
	"testing"

	"github.com/callflowd/callflowd/pkg/couchlite/sandbox"
)

const benchMap = `function(doc) {
	if (doc.pvt_type !== 'callflow' || doc.pvt_deleted) return;
	for (var i in doc.numbers) emit(doc.numbers[i], null);
}`

const benchDocument = `{"_id":"d1","_rev":"1-0","name":"Main number","numbers":["+14155550100"],"flow":{"module":"user","data":{"id":"0123456789abcdef0123456789abcdef",
	"timeout":20,"can_call_self":false},"children":{"_":{"module":"voicemail","data":{"id":"fedcba9876543210fedcba9876543210"},"children":{}}}},
	"pvt_type":"callflow","pvt_created":63800000000,"pvt_modified":63800000000}`

func BenchmarkNewMachine(b *testing.B) {
	cfg := config(b, benchMap)
	cfg.Limits = sandbox.Limits{}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := sandbox.NewMachine(b.Context(), cfg); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMap(b *testing.B) {
	m := newMachine(b, benchMap, benchMap, benchMap, benchMap)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Map(b.Context(), []byte(benchDocument), nil); err != nil {
			b.Fatal(err)
		}
	}
}

// benchWords is made of what is counted most: loops, additions, arrays, regular
// expressions.
const benchWords = `function(doc) {
	var words = {}, text = "";
	for (var i = 0; i < 200; i++) text += doc.name + " " + i + ", ";
	text.toLowerCase().split(/[ ,]+/).forEach(function(word) { words[word] = (words[word] || 0) + 1 });
	for (var word in words) if (/^[a-z]/.test(word)) emit([word, words[word]], word.replace(/n/g, "N"));
}`

func BenchmarkMapWords(b *testing.B) {
	m := newMachine(b, benchWords)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Map(b.Context(), []byte(benchDocument), nil); err != nil {
			b.Fatal(err)
		}
	}
}
