package transfer

import (
	"maps"
	"strconv"

	"github.com/callflowd/callflowd/pkg/problem"
)

// mostWrong is how many lines with problems are told of.
const mostWrong = 200

// problems are what is wrong with the lines of a body, by path: the number of
// the line, then the path in its document.
type problems struct {
	data  map[string]any
	lines map[int]bool
}

// full reports whether so many lines are wrong that no more need be looked at.
func (p *problems) full() bool { return len(p.lines) >= mostWrong }

// begin makes the maps.
func (p *problems) begin() {
	if p.data == nil {
		p.data, p.lines = map[string]any{}, map[int]bool{}
	}
}

// add adds the problems at a path of a line, by their codes.
func (p *problems) add(line int, id, path string, codes map[string]any) {
	p.begin()
	at := strconv.Itoa(line)
	if path != "" {
		at += "." + path
	}
	told, _ := p.data[at].(map[string]any)
	if told == nil {
		told = map[string]any{}
	}
	for code, body := range codes {
		members, _ := body.(map[string]any)
		if members = maps.Clone(members); members == nil {
			members = map[string]any{}
		}
		if members["line"] = line; id != "" {
			members["id"] = id
		}
		told[code] = members
	}
	p.data[at], p.lines[line] = told, true
}

// addWhole adds problems that concern no line.
func (p *problems) addWhole(path string, codes any) {
	p.begin()
	p.data[path] = codes
}

// say adds one problem.
func (p *problems) say(line int, id, path, code, message string) {
	p.add(line, id, path, map[string]any{code: map[string]any{"message": message}})
}

// violations adds what the check of a document found.
func (p *problems) violations(line int, id string, list []problem.Violation) {
	if data, ok := problem.Validation(list).(*problem.Error); ok { //nolint:errorlint // as Validation makes it
		p.rest(line, id, data.Data)
	}
}

// rest adds the data of a [problem.Invalid] error about one document.
func (p *problems) rest(line int, id string, data map[string]any) {
	for path, codes := range data {
		if list, ok := codes.(map[string]any); ok {
			p.add(line, id, path, list)
		}
	}
}

// err is a [problem.Invalid] error, or nil where nothing is wrong.
func (p *problems) err() error {
	if len(p.data) == 0 {
		return nil
	}
	data := maps.Clone(p.data)
	if p.full() {
		data["lines"] = map[string]any{"maxItems": map[string]any{
			"message": strconv.Itoa(mostWrong) + " lines have problems; the lines after them were not looked at", "target": mostWrong,
		}}
	}
	return &problem.Error{Code: problem.Invalid, Data: data}
}
