package d1

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// D1 takes patterns of LIKE up to 50 bytes. A longer one is a row of texts between its %, to be found one behind the other:
// instr(lower(a), lower(b)) finds a text as LIKE does, since both fold ASCII only. A text with _ is tried at each position,
// in pieces that are short patterns.

// edge stands for the start and the end of the value where a pattern does not begin or end with %.
const edge = "\U0010FFFF"

// longLike is a LIKE in the text of a statement whose pattern is too long for D1.
type longLike struct {
	start, end int    // in the text, from the left side to the pattern or its ESCAPE
	left       string // the left side
	param      int    // index of the pattern among the parameters
	not        bool
	texts      []patternText
}

// patternText is what a pattern has between two %.
type patternText struct {
	plain  string         // in lower case, if there is no _ in it
	Pieces []patternPiece `json:"c"`
	Length int            `json:"n"` // characters
}

// patternPiece is a part of a text with _, as a pattern with \ for its ESCAPE.
type patternPiece struct {
	Offset  int    `json:"o"`
	Length  int    `json:"n"`
	Pattern string `json:"p"`
}

// MarshalJSON gives a plain text as a string.
func (t patternText) MarshalJSON() ([]byte, error) {
	if t.Pieces == nil {
		return json.Marshal(t.plain)
	}
	type object patternText
	return json.Marshal(object(t))
}

// longLikes finds the LIKEs that can be written in another way.
func longLikes(p *parsed, values []any) []longLike {
	if !p.like {
		return nil
	}
	var likes []longLike
	var tokens tokenList
	for i, spot := range p.params {
		pattern, ok := values[i].(string)
		if !ok || len(pattern) <= maxPattern || strings.IndexByte(pattern, 0) >= 0 || !utf8.ValidString(pattern) {
			continue
		}
		if tokens == nil {
			tokens = tokensOf(p.text)
		}
		if like, ok := tokens.likeAt(spot.start, pattern); ok {
			like.param = i
			likes = append(likes, like)
		}
	}
	return likes
}

// tokenList is a statement's tokens, each a scanner that stands on it.
type tokenList []scanner

func tokensOf(text string) tokenList {
	var tokens tokenList
	for sc := (scanner{text: text}); sc.next(); {
		tokens = append(tokens, sc)
	}
	return tokens
}

// likeAt reads the LIKE whose pattern is the parameter at a position.
func (t tokenList) likeAt(position int, pattern string) (like longLike, ok bool) {
	at := 0
	for t[at].start != position {
		at++
	}
	left := at - 2
	if left < 0 || !t[at-1].is("LIKE") {
		return like, false
	}
	if like.not = t[left].is("NOT"); like.not {
		left--
	}
	first := t.operandStart(left)
	if first < 0 || first > 0 && !t[first-1].opensOperand() {
		return like, false
	}
	for _, token := range t[first:left] {
		if token.kind == tokenParam {
			return like, false
		}
	}
	escape := ""
	if at+2 < len(t) && t[at+1].is("ESCAPE") {
		if escape = t[at+2].name(); t[at+2].kind != tokenString || utf8.RuneCountInString(escape) != 1 {
			return like, false
		}
		at += 2
	}
	like.start, like.end = t[first].start, t[at].end
	like.left = t[0].text[t[first].start:t[left].end]
	like.texts, ok = patternTexts(pattern, escape)
	return like, ok
}

// operandStart is the first token of the name, call or parenthesis that ends with a token, -1 for others.
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
	if i < 0 || !t[i].isName() {
		return -1
	}
	for i >= 2 && t[i-1].isSymbol('.') && t[i-2].isName() {
		i -= 2
	}
	return i
}

func (s *scanner) isName() bool { return s.kind == tokenWord || s.kind == tokenQuoted }

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

// patternTexts cuts a pattern at its %; false for one that ends in the middle of an escape.
func patternTexts(pattern, escape string) (texts []patternText, ok bool) {
	text := []patternChar{{edge, false}}
	for rest := pattern; rest != ""; {
		char := patternChar{char: firstChar(rest)}
		char.wildcard = char.char == "%" || char.char == "_"
		rest = rest[len(char.char):]
		if char.char == escape {
			if rest == "" {
				return nil, false
			}
			char = patternChar{char: firstChar(rest)}
			rest = rest[len(char.char):]
		}
		if char.wildcard && char.char == "%" {
			texts, text = appendText(texts, text), nil
		} else {
			text = append(text, char)
		}
	}
	return appendText(texts, append(text, patternChar{edge, false})), true
}

type patternChar struct {
	char     string
	wildcard bool
}

func firstChar(s string) string {
	_, size := utf8.DecodeRuneInString(s)
	return s[:size]
}

// appendText leaves out what a % at the start or the end of the pattern makes of an edge.
func appendText(texts []patternText, chars []patternChar) []patternText {
	if len(chars) == 0 || len(chars) == 1 && chars[0].char == edge {
		return texts
	}
	t := patternText{Length: len(chars)}
	for i, c := range chars {
		if len(t.Pieces) == 0 || len(t.Pieces[len(t.Pieces)-1].Pattern) > maxPattern-2*utf8.UTFMax {
			t.Pieces = append(t.Pieces, patternPiece{Offset: i})
		}
		piece := &t.Pieces[len(t.Pieces)-1]
		piece.Length++
		if !c.wildcard && strings.Contains(`%_\`, c.char) {
			piece.Pattern += `\`
		}
		piece.Pattern += c.char
		t.plain += lowerASCII(c.char)
	}
	if !slices.ContainsFunc(chars, func(c patternChar) bool { return c.wildcard }) {
		t.Pieces = nil
	}
	return append(texts, t)
}

func lowerASCII(char string) string {
	if len(char) == 1 {
		return strings.ToLower(char)
	}
	return char
}

// findText is the position of text i of the list t in r; 0 or NULL if it is not in it.
const findText = `CASE json_type(t,'$['||i||']') WHEN 'text' THEN instr(r,t->>i) ELSE (` +
	`WITH RECURSIVE pfp(k) AS (SELECT 1 UNION ALL SELECT k+1 FROM pfp WHERE k<length(r)) ` +
	`SELECT min(k) FROM pfp WHERE NOT EXISTS (SELECT 1 FROM json_each(t,'$['||i||'].c') AS c ` +
	`WHERE substr(r,k+(c.value->>'o'),c.value->>'n') NOT LIKE c.value->>'p' ESCAPE '\')) END`

const lengthOfText = `CASE json_type(t,'$['||i||']') WHEN 'text' THEN length(t->>i) ELSE t->i->>'n' END`

// longLike appends a LIKE in another form.
func (r *renderer) longLike(like longLike) {
	r.copy(like.start)
	r.at = like.end
	before, after := "(", ")"
	if like.not {
		before, after = "(NOT (", "))"
	}
	r.sql.WriteString(before)
	if text := like.texts[0]; len(like.texts) == 1 && text.Pieces == nil && !strings.Contains(text.plain, edge) {
		r.sql.WriteString("instr(lower(" + like.left + "),")
		r.bind(text.plain)
		r.sql.WriteString(")>0")
	} else {
		r.findTexts(like)
	}
	r.sql.WriteString(after)
}

// findTexts looks for each text in what the one before has left.
func (r *renderer) findTexts(like longLike) {
	list, _ := json.Marshal(like.texts) // strings and numbers only
	count := strconv.Itoa(len(like.texts))
	r.sql.WriteString(`WITH RECURSIVE pfl(i,r,t) AS (SELECT 0,'` + edge + `'||lower(` + like.left + `)||'` + edge + `',`)
	r.bind(string(list))
	r.sql.WriteString(` UNION ALL SELECT i+1,substr(r,nullif(` + findText + `,0)+` + lengthOfText + `),t FROM pfl WHERE r IS NOT NULL AND i<` +
		count + `) SELECT max(i)=` + count + ` FROM pfl WHERE r IS NOT NULL`)
}
