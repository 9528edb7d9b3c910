package d1

import "strings"

// tokenList is a statement's tokens, each a scanner that stands on it.
type tokenList []scanner

// tokensOf gives all tokens of SQL, where a scanner that looks ahead does not do.
func tokensOf(text string) tokenList {
	var tokens tokenList
	for sc := (scanner{text: text}); sc.next(); {
		tokens = append(tokens, sc)
	}
	return tokens
}

// joined is the operand that the operator at a token joins to the one before it, closer than LIKE does: ||, -> or ->>; -1 for others.
func (t tokenList) joined(i int) int {
	switch {
	case i+1 >= len(t):
		return -1
	case t[i].isSymbol('|') && t[i+1].isSymbol('|'):
		return i + 2
	case t[i].isSymbol('-') && t[i+1].isSymbol('>'):
		if i+2 < len(t) && t[i+2].isSymbol('>') {
			return i + 3
		}
		return i + 2
	}
	return -1
}

// operandEnd is the last token of the operand that begins with a token, -1 for what it does not know.
func (t tokenList) operandEnd(i int) int {
	if i >= len(t) {
		return -1
	}
	switch {
	case t[i].kind == tokenString || t[i].kind == tokenParam:
		return i
	case t[i].isSymbol('('):
		return t.closing(i)
	case !t[i].isName() || t[i].opensOperand() || t[i].is("CASE"):
		return -1
	}
	for i+2 < len(t) && t[i+1].isSymbol('.') {
		i += 2
	}
	if i+1 < len(t) && t[i+1].isSymbol('(') {
		return t.closing(i + 1)
	}
	return i
}

// closing is the parenthesis that closes the one at a token, -1 if there is none.
func (t tokenList) closing(i int) int {
	for depth := 0; i < len(t); i++ {
		if depth += t[i].nesting(); depth == 0 {
			return i
		}
	}
	return -1
}

// continuesOperand tells whether the token behind an operand belongs to it, or binds closer than LIKE.
func (s *scanner) continuesOperand() bool {
	return s.kind == tokenSymbol && !s.isSymbol(')') && !s.isSymbol(',') && !s.isSymbol('=') && !s.isSymbol('!') && !s.isSymbol(';') ||
		s.is("COLLATE") || s.kind == tokenString
}

// operandStart is the first token of the value, name, call or parenthesis that ends with a token, -1 for others.
func (t tokenList) operandStart(i int) int {
	if i >= 0 && t[i].isSymbol(')') {
		for depth := 1; depth > 0; {
			if i--; i < 0 {
				return -1
			}
			depth -= t[i].nesting()
		}
		if i > 0 && t[i-1].isName() && !t[i-1].opensOperand() {
			i--
		}
		return i
	}
	if i >= 0 && (t[i].kind == tokenParam || t[i].kind == tokenString) {
		return i
	}
	if i < 0 || !t[i].isName() {
		return -1
	}
	for i >= 2 && t[i-1].isSymbol('.') && t[i-2].isName() {
		i -= 2
	}
	return i
}

// opensOperand tells whether what follows the token is the first operand of LIKE, not the last one of an operator.
func (s *scanner) opensOperand() bool {
	if s.kind != tokenWord {
		return s.isSymbol('(') || s.isSymbol(',')
	}
	switch strings.ToUpper(s.token()) {
	case "WHERE", "AND", "OR", "NOT", "ON", "HAVING", "WHEN", "THEN", "ELSE", "SELECT", "IN":
		return true
	}
	return false
}
