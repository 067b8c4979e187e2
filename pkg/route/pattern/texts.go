package pattern

import "github.com/callflowd/callflowd/pkg/collation"

// Texts keeps the patterns of one account compiled, each text once however
// many callflows have it. It is not safe for concurrent use.
type Texts struct {
	compiled map[string]*compiled
	sorter   *collation.Collator
}

// compiled is a pattern's program and the number of rows that use it.
type compiled struct {
	re    *Pattern
	err   *Error
	key   []byte
	users int
}

// NewTexts returns an empty one.
func NewTexts() *Texts { return &Texts{compiled: map[string]*compiled{}, sorter: collation.New()} }

// Rows returns the rows of a callflow with these patterns, each once.
func (t *Texts) Rows(id string, patterns []string) []*Row {
	var rows []*Row
	for _, text := range patterns {
		c := t.compiled[text]
		if c == nil {
			c = &compiled{key: t.sorter.AppendString(nil, text)}
			re, err := compile(text)
			c.re = re
			if err != nil {
				c.err = asPatternError(text, err)
			}
			t.compiled[text] = c
		}
		c.users++
		rows = append(rows, &Row{key: c.key, ID: id, Text: text, Pattern: c.re, Reason: c.err})
	}
	return rows
}

// Release undoes one call of [Texts.Rows] with these patterns.
func (t *Texts) Release(patterns []string) {
	for _, text := range patterns {
		if c := t.compiled[text]; c != nil {
			if c.users--; c.users == 0 {
				delete(t.compiled, text)
			}
		}
	}
}
