package web

// vars are the variables of a path, unescaped. They are few, and a map would
// be the largest thing that a lookup allocates.
type vars struct {
	list [4]variable
	n    int
}

type variable struct{ name, value string }

// set adds a variable or replaces it. A path of the table has no more of them
// than there is room for, which [Server.mount] makes sure of.
func (v *vars) set(name, value string) {
	for i := range v.list[:v.n] {
		if v.list[i].name == name {
			v.list[i].value = value
			return
		}
	}
	v.list[v.n] = variable{name, value}
	v.n++
}

func (v *vars) get(name string) (value string, ok bool) {
	for i := range v.list[:v.n] {
		if v.list[i].name == name {
			return v.list[i].value, true
		}
	}
	return "", false
}

// Var is a variable of the path, by its name in the table; "" where the path
// has none of that name.
func (c *Call) Var(name string) string {
	value, _ := c.vars.get(name)
	return value
}
