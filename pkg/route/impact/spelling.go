package impact

// spelling is what has to be known of the digits dialled so far to tell how
// the whole number is normalised. It follows [number.Normalize] without a
// dial plan, which a test holds it against.
type spelling struct {
	kind kind
	n    int8 // digits so far, as far as it matters
	ok   bool // the exchange code begins with 2 to 9
}

type kind int8

const (
	empty   kind = iota
	plain        // stays as it is: it has a symbol that is no digit, or no form fits any more
	far          // began with 2 to 9
	one          // began with 1
	zero         // 0
	zeros        // began with 00
	zeroOne      // 01
	exit         // began with 011
)

// form is what normalising does to a number.
type form int8

const (
	asDialled form = iota
	plusOne        // "+1" and the number
	plus           // "+" and the number
	plus2          // "+" and the number without its first two digits
	plus3          // "+" and the number without its first three digits
	forms
)

// grows is how much longer a form makes a number.
func (f form) grows() int { return [forms]int{0, 2, 1, -1, -2}[f] }

// next is the spelling after one more symbol. Consumed says whether the digit
// is part of what follows a plus sign.
func (s spelling) next(symbol rune) (next spelling, consumed bool) {
	if symbol < '0' || symbol > '9' {
		return spelling{kind: plain}, true
	}
	switch s.kind {
	case empty:
		first := spelling{kind: far, n: 1}
		switch symbol {
		case '0':
			return spelling{kind: zero}, false
		case '1':
			first.kind = one
		}
		return first, true
	case far:
		return s.afterFar(symbol), true
	case one:
		return s.afterOne(symbol), true
	case zero:
		switch symbol {
		case '0':
			return spelling{kind: zeros}, false
		case '1':
			return spelling{kind: zeroOne}, false
		}
	case zeroOne:
		if symbol == '1' {
			return spelling{kind: exit}, false
		}
	case zeros, exit:
		s.n = min(s.n+1, 5)
		return s, true
	}
	return spelling{kind: plain}, true
}

func (s spelling) afterFar(symbol rune) spelling {
	if s.n == 3 {
		s.ok = symbol >= '2'
	}
	s.n = min(s.n+1, 11)
	return s
}

// afterOne: of what begins with 1, only eleven digits of North America change.
func (s spelling) afterOne(symbol rune) spelling {
	if (s.n == 1 || s.n == 4) && symbol < '2' || s.n == 11 {
		return spelling{kind: plain}
	}
	s.n++
	return s
}

// form is what normalising does to a number that ends here.
func (s spelling) form() form {
	switch {
	case s.kind == far && s.n == 10 && s.ok:
		return plusOne
	case s.kind == far && s.n >= 8, s.kind == one && s.n == 11:
		return plus
	case s.kind == zeros && s.n == 5:
		return plus2
	case s.kind == exit && s.n == 5:
		return plus3
	}
	return asDialled
}
