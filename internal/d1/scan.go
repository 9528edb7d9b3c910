package d1

import "strings"

// tokenKind tells tokens of SQL apart as far as the driver needs to.
type tokenKind uint8

const (
	tokenEnd    tokenKind = iota
	tokenWord             // keyword, identifier or number, unquoted
	tokenQuoted           // "…", `…` or […]
	tokenString           // '…'
	tokenParam            // ?, ?NNN, :name, @name, $name
	tokenSymbol           // any other character
)

// scanner walks over the tokens of SQL as sqlite3GetToken cuts them, leaving out spaces and comments.
type scanner struct {
	text       string
	start, end int // of the current token
	kind       tokenKind
}

func (s *scanner) token() string { return s.text[s.start:s.end] }

// is tells whether the token is the keyword, given in upper case.
func (s *scanner) is(keyword string) bool {
	return s.kind == tokenWord && len(keyword) == s.end-s.start && strings.EqualFold(s.token(), keyword)
}

func (s *scanner) isSymbol(c byte) bool { return s.kind == tokenSymbol && s.text[s.start] == c }

func (s *scanner) isName() bool { return s.kind == tokenWord || s.kind == tokenQuoted }

// isFollowedBy tells whether the next token is the keyword.
func (s *scanner) isFollowedBy(keyword string) bool {
	ahead := *s
	return ahead.next() && ahead.is(keyword)
}

// isCall tells whether a parenthesis follows the token.
func (s *scanner) isCall() bool {
	i := s.skipBlank(s.end)
	return i < len(s.text) && s.text[i] == '('
}

// isCallWithout tells whether parentheses with fewer than so many arguments follow the token: functions of time then mean now.
func (s *scanner) isCallWithout(arguments int) bool {
	ahead := *s
	if !s.isCall() || !ahead.next() {
		return false
	}
	found, depth := 0, 1
	for ahead.next() && depth > 0 {
		switch {
		case depth == 1 && ahead.isSymbol(')'):
		case found == 0, depth == 1 && ahead.isSymbol(','):
			found++
		}
		depth += ahead.nesting()
	}
	return found < arguments
}

// name is the identifier that the token spells, without quotes.
func (s *scanner) name() string {
	t := s.token()
	if s.kind != tokenQuoted && s.kind != tokenString || len(t) < 2 {
		return t
	}
	inner := t[1 : len(t)-1]
	if t[0] == '[' {
		return inner
	}
	return strings.ReplaceAll(inner, t[:1]+t[:1], t[:1])
}

// qualified is the name that begins at the token, without that of its database.
func (s *scanner) qualified() string {
	name := s.name()
	if ahead := *s; ahead.next() && ahead.isSymbol('.') && ahead.next() {
		*s = ahead
		name = s.name()
	}
	return name
}

// next moves to the next token; false at the end.
func (s *scanner) next() bool {
	i := s.skipBlank(s.end)
	s.start = i
	if i >= len(s.text) {
		s.end, s.kind = i, tokenEnd
		return false
	}
	switch c := s.text[i]; {
	case c == '\'':
		s.kind, s.end = tokenString, s.quoted(i, c)
	case c == '"' || c == '`':
		s.kind, s.end = tokenQuoted, s.quoted(i, c)
	case c == '[':
		s.kind, s.end = tokenQuoted, s.until(i, "]")
	case c == '?':
		s.kind, s.end = tokenParam, s.span(i+1, isDigit)
	case (c == ':' || c == '@' || c == '#' || c == '$') && i+1 < len(s.text) && isNameChar(s.text[i+1]):
		s.kind, s.end = tokenParam, s.span(i+1, isNameChar)
	case (c == 'x' || c == 'X') && i+1 < len(s.text) && s.text[i+1] == '\'':
		s.kind, s.end = tokenString, s.quoted(i+1, '\'')
	case isNameChar(c):
		s.kind, s.end = tokenWord, s.span(i+1, isNameChar)
	default:
		s.kind, s.end = tokenSymbol, i+1
	}
	return true
}

// contains moves to the next token that is the keyword; false if there is none.
func (s *scanner) contains(keyword string) bool {
	for s.next() {
		if s.is(keyword) {
			return true
		}
	}
	return false
}

// close moves from an opening parenthesis to the one that closes it.
func (s *scanner) close() {
	for depth := 1; depth > 0 && s.next(); {
		depth += s.nesting()
	}
}

// nesting is how much deeper in parentheses the next token is.
func (s *scanner) nesting() int {
	switch {
	case s.isSymbol('('):
		return 1
	case s.isSymbol(')'):
		return -1
	}
	return 0
}

func (s *scanner) skipBlank(i int) int {
	for i < len(s.text) {
		switch c := s.text[i]; {
		case c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f':
			i++
		case c == '-' && strings.HasPrefix(s.text[i:], "--"):
			i = s.until(i, "\n")
		case c == '/' && strings.HasPrefix(s.text[i:], "/*"):
			i = s.until(i+2, "*/")
		default:
			return i
		}
	}
	return i
}

// until is the position after the next end, or the end of the text.
func (s *scanner) until(i int, end string) int {
	if n := strings.Index(s.text[min(i, len(s.text)):], end); n >= 0 {
		return i + n + len(end)
	}
	return len(s.text)
}

// quoted is the position after the quoted token that begins at i; a doubled quote stands for itself.
func (s *scanner) quoted(i int, quote byte) int {
	for i++; i < len(s.text); i++ {
		if s.text[i] != quote {
			continue
		}
		if i+1 >= len(s.text) || s.text[i+1] != quote {
			return i + 1
		}
		i++
	}
	return len(s.text)
}

func (s *scanner) span(i int, belongs func(byte) bool) int {
	for i < len(s.text) && belongs(s.text[i]) {
		i++
	}
	return i
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isNameChar(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || isDigit(c) || c == '_' || c == '$' || c >= 0x80
}
