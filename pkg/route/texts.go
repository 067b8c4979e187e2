package route

// texts keeps the patterns of one account compiled, each text once however
// many callflows have it. It is not safe for concurrent use.
type texts struct {
	compiled map[string]*compiled
	sorter   *collator
}

// compiled is a pattern's program and the number of rows that use it.
type compiled struct {
	re    *pattern
	err   *PatternError
	key   []byte
	users int
}

func newTexts() *texts { return &texts{compiled: map[string]*compiled{}, sorter: newCollator()} }

// rows returns the rows of a callflow with these patterns, none of them twice.
func (t *texts) rows(id string, patterns []string) []*row {
	var rows []*row
	for _, text := range patterns {
		c := t.compiled[text]
		if c == nil {
			c = &compiled{key: t.sorter.key(text)}
			re, err := compile(text)
			c.re = re
			if err != nil {
				c.err = asPatternError(text, err)
			}
			t.compiled[text] = c
		}
		c.users++
		rows = append(rows, &row{key: c.key, id: id, text: text, re: c.re, reason: c.err})
	}
	return rows
}

// release takes back what rows was called with.
func (t *texts) release(patterns []string) {
	for _, text := range patterns {
		if c := t.compiled[text]; c != nil {
			if c.users--; c.users == 0 {
				delete(t.compiled, text)
			}
		}
	}
}
