package doctor

import (
	"slices"
	"strings"
)

// fault is what is planted into an account, and what has to be found.
type fault struct {
	docs []string
	want []string // kind and subject or callflow, sorted
}

// numbered is a callflow with a flow of its own and a number that nobody else
// has.
func numbered(id, flow string) string {
	return `{"_id":"` + id + `","pvt_type":"callflow","name":"` + id + `","numbers":["3` + strings.TrimLeft(id, "x") + `1"],"patterns":[],"flow":` + flow + `}`
}

// calls is a callflow that goes on in another one.
func calls(id, to string) string {
	return numbered(id, `{"module":"callflow","data":{"id":"`+to+`"},"children":{}}`)
}

// faults are those that one account alone can have.
func faults() []fault { return slices.Concat(numberFaults(), referenceFaults(), schemaFaults()) }

// numberFaults are about numbers and patterns.
func numberFaults() []fault {
	pattern := func(list ...string) string {
		return sound("x", `"numbers":[],"patterns":["`+strings.Join(list, `","`)+`"]`)
	}
	return []fault{
		{[]string{sound("x", `"numbers":["2000"],"patterns":[]`)}, []string{"double_booked 2000"}},
		{[]string{sound("x", `"numbers":["2000","2001"],"patterns":[]`)}, []string{"double_booked 2000", "double_booked 2001"}},
		{[]string{pattern(`^\\*7(\\d{4})$`)}, []string{`double_booked ^\*7(\d{4})$`, `equal ^\*7(\d{4})$`, `shadowed ^\*7(\d{4})$`}},
		{[]string{pattern(`((`)}, []string{"invalid (("}},
		{[]string{pattern(`^(?<a$`)}, []string{"invalid ^(?<a$"}},
		{[]string{pattern(`^3(?!0)(\\d{3})$`)}, []string{`extended_syntax ^3(?!0)(\d{3})$`, `not_analysed ^3(?!0)(\d{3})$`}},
		{[]string{pattern(`^3(\\d)\\1$`)}, []string{`extended_syntax ^3(\d)\1$`, `not_analysed ^3(\d)\1$`}},
		{[]string{pattern(`^\\*7(1\\d{3})$`)}, []string{`overlap ^\*7(\d{4})$`}},
		{[]string{pattern(`^\\*7([0-9]{4})$`)}, []string{`equal ^\*7([0-9]{4})$`, `shadowed ^\*7([0-9]{4})$`}},
		{[]string{pattern(`^2000$`)}, []string{"takes_number ^2000$", "unreachable ^2000$"}},
		{[]string{pattern(`^200[0-9]$`)}, []string{"takes_number ^200[0-9]$", "takes_number ^200[0-9]$"}},
		{[]string{pattern(`88\\d{4}`)}, []string{`unanchored 88\d{4}`}},
		{[]string{pattern(`^9\\d\\d$`)}, slices.Repeat([]string{`emergency ^9\d\d$`}, 4)},
	}
}

// referenceFaults are about what callflows refer to.
func referenceFaults() []fault {
	user := func(id, to string) string {
		return numbered(id, `{"module":"user","data":{"id":"`+to+`"},"children":{}}`)
	}
	hex := strings.Repeat("0a", 16)
	return []fault{
		{[]string{calls("x1", "nobody")}, []string{"dangling_reference nobody"}},
		{[]string{user("x1", "nobody")}, []string{"dangling_reference nobody"}},
		{[]string{numbered("x1", `{"module":"menu","data":{"id":"nothing"},"children":{}}`)}, []string{"dangling_reference nothing"}},
		{[]string{numbered("x1", `{"module":"play","data":{"id":"`+hex+`"},"children":{}}`)}, []string{"dangling_reference " + hex}},
		{
			[]string{numbered("x1", `{"module":"ring_group","data":{"endpoints":[{"id":"gone","endpoint_type":"device"}]},"children":{}}`)},
			[]string{"dangling_reference gone"},
		},
		{[]string{numbered("x1", `{"module":"temporal_route","data":{"rules":["never"]},"children":{}}`)}, []string{"dangling_reference never"}},
		{
			[]string{numbered("x1", `{"module":"play","data":{"id":"hello.mp3"},"children":{"_":{"module":"voicemail","data":{"id":"`+hex+`"},"children":{}}}}`)},
			[]string{"dangling_reference " + hex},
		},
		{[]string{calls("x1", "gone"), `{"_id":"gone","pvt_type":"callflow","pvt_deleted":true,"numbers":["1"]}`}, []string{"dangling_reference gone"}},
		{[]string{user("x1", "gone"), `{"_id":"gone","pvt_type":"user","pvt_deleted":true}`}, []string{"dangling_reference gone"}},
		{[]string{calls("x1", "m"), `{"_id":"m","pvt_type":"menu","name":"m"}`}, []string{"wrong_reference m"}},
		{[]string{user("x1", "d"), `{"_id":"d","pvt_type":"device","name":"d"}`}, []string{"wrong_reference d"}},
		{[]string{calls("x1", "x1")}, []string{"cycle x1"}},
		{[]string{calls("x1", "x2"), calls("x2", "x1")}, []string{"cycle x1"}},
		{[]string{calls("x1", "x2"), calls("x2", "x3"), calls("x3", "x1")}, []string{"cycle x1"}},
	}
}

// schemaFaults are what a schema does not allow, or warns of.
func schemaFaults() []fault {
	deep := strings.Repeat(`{"module":"play","data":{"id":"hello.mp3"},"children":{"_":`, 51) +
		`{"module":"play","data":{"id":"hello.mp3"},"children":{}}` + strings.Repeat("}}", 51)
	return []fault{
		{[]string{`{"_id":"x","pvt_type":"callflow","numbers":["300"],"patterns":[],"flow":{"module":"plai","data":{},"children":{}}}`}, []string{"schema x", "schema x"}},
		{[]string{`{"_id":"x","pvt_type":"callflow","numbers":"300","patterns":[],"flow":{"module":"play","data":{"id":"hello.mp3"},"children":{}}}`}, []string{"schema x"}},
		{[]string{`{"_id":"x","pvt_type":"callflow","numbers":[300],"patterns":[],"flow":{"module":"play","data":{"id":"hello.mp3"},"children":{}}}`}, []string{"schema x"}},
		{[]string{`{"_id":"x","pvt_type":"callflow","numbers":["300"],"patterns":[],"flow":"none"}`}, []string{"schema x"}},
		{[]string{`{"_id":"x","pvt_type":"callflow","numbers":["300"],"patterns":[]}`}, []string{"no_flow x"}},
		{[]string{numbered("x1", `{"module":"play","data":{"id":"hello.mp3","answr":true},"children":{}}`)}, []string{"unknown_property x1"}},
		{[]string{numbered("x1", `{"module":"play","data":{"id":"hello.mp3"},"children":{"7":{"module":"play","data":{"id":"hello.mp3"},"children":{}}}}`)}, []string{"unreachable x1"}},
		{[]string{numbered("x1", deep)}, []string{"too_deep x1"}},
	}
}
