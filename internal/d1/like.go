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
// in pieces that are short patterns. A pattern that is an expression is taken apart by SQL, if its value is long.

// edge stands for the start and the end of the value where a pattern does not begin or end with %.
const edge = "\U0010FFFF"

// likeOperator is a LIKE in the text of a statement.
type likeOperator struct {
	start, end int     // in the text, from the left side to the pattern or its ESCAPE
	left       operand // the left side
	pattern    operand
	escape     string
	not        bool
}

// patternText is what a pattern has between two %.
type patternText struct {
	plain  string         // in lower case, if there is no _ in it
	Pieces []patternPiece `json:"c"`
	Length int            `json:"n"` // characters
	First  int            `json:"f"` // where it can begin at first: _ does not stand for an edge
	Behind int            `json:"l"` // how many characters have to be left behind it
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

// longLikes finds the LIKEs that have to be written in another way: with a pattern that is too long, or one that is known row by row.
func longLikes(p *parsed, values []any) []rewrite {
	if !p.like {
		return nil
	}
	var likes []rewrite
	var tokens tokenList
	for i := range p.params {
		if pattern, ok := values[i].(string); ok && isLongPattern(pattern) {
			if tokens == nil {
				tokens = tokensOf(p.text)
			}
			like, ok := tokens.likeAt(p.params[i].start)
			if texts, found := patternTexts(pattern, like.escape); ok && found && like.pattern.end == p.params[i].end {
				likes = append(likes, rewrite{like.start, like.end, i, i, func(r *renderer) { r.longLike(like, texts, true) }})
			}
		}
	}
	if p.computed {
		likes = append(likes, computedLikes(p)...)
		slices.SortFunc(likes, func(a, b rewrite) int { return a.start - b.start })
	}
	return likes
}

func isLongPattern(pattern string) bool {
	return len(pattern) > maxPattern && strings.IndexByte(pattern, 0) < 0 && utf8.ValidString(pattern)
}

// computedLikes finds the LIKEs whose pattern is in the text: a long literal, or an expression.
func computedLikes(p *parsed) []rewrite {
	var likes []rewrite
	tokens := tokensOf(p.text)
	for i := range tokens {
		if !tokens[i].is("LIKE") || i+1 == len(tokens) || tokens[i+1].kind == tokenParam && tokens.joined(i+2) < 0 {
			continue
		}
		like, ok := tokens.likeAt(tokens[i+1].start)
		if !ok {
			continue
		}
		part := rewrite{start: like.start, end: like.end, last: -1}
		if tokens[i+1].kind == tokenString && like.pattern.end == tokens[i+1].end {
			texts, ok := patternTexts(tokens[i+1].name(), like.escape)
			if !ok || !isLongPattern(tokens[i+1].name()) {
				continue
			}
			part.write = func(r *renderer) { r.longLike(like, texts, false) }
		} else {
			if strings.ContainsAny(like.escape, "%_") || strings.ToLower(like.escape) != strings.ToUpper(like.escape) {
				continue
			}
			part.write = func(r *renderer) { r.computedLike(like) }
		}
		likes = append(likes, part)
	}
	return likes
}

// likeAt reads the LIKE whose pattern begins at a position.
func (t tokenList) likeAt(position int) (like likeOperator, ok bool) {
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
	last := t.patternEnd(at)
	if last < 0 {
		return like, false
	}
	like.left = operand{t[first].start, t[left].end}
	like.pattern = operand{t[at].start, t[last].end}
	if last+2 < len(t) && t[last+1].is("ESCAPE") {
		last += 2
		if like.escape = t[last].name(); t[last].kind != tokenString || utf8.RuneCountInString(like.escape) != 1 {
			return like, false
		}
	}
	like.start, like.end = t[first].start, t[last].end
	return like, true
}

// patternEnd is the last token of a pattern: a value, a name, a call, a parenthesis, or several of them joined; -1 for others.
func (t tokenList) patternEnd(i int) int {
	for {
		last := t.operandEnd(i)
		if last < 0 || last+1 == len(t) {
			return last
		}
		if i = t.joined(last + 1); i < 0 {
			if t[last+1].continuesOperand() {
				return -1
			}
			return last
		}
	}
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
	t := patternText{Length: len(chars), First: 1}
	if len(texts) == 0 && chars[0].char != edge {
		t.First = 2
	}
	if chars[len(chars)-1].char != edge {
		t.Behind = 1
	}
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
	`WITH RECURSIVE pfp(k) AS (SELECT t->i->>'f' UNION ALL SELECT k+1 FROM pfp WHERE k<length(r)) ` +
	`SELECT min(k) FROM pfp WHERE k<=length(r)+1-(t->i->>'n')-(t->i->>'l') AND NOT EXISTS (SELECT 1 FROM json_each(t,'$['||i||'].c') AS c ` +
	`WHERE substr(r,k+(c.value->>'o'),c.value->>'n') NOT LIKE c.value->>'p' ESCAPE '\')) END`

const lengthOfText = `CASE json_type(t,'$['||i||']') WHEN 'text' THEN length(t->>i) ELSE t->i->>'n' END`

// longLike appends a LIKE in another form.
func (r *renderer) longLike(like likeOperator, texts []patternText, bound bool) {
	before, after := "(", ")"
	if like.not {
		before, after = "(NOT (", "))"
	}
	constant := func(text string) {
		if bound {
			r.bind(text)
		} else {
			r.sql.WriteString(quote(text)) // a view has no parameters
		}
	}
	r.sql.WriteString(before)
	if text := texts[0]; len(texts) == 1 && text.Pieces == nil && !strings.Contains(text.plain, edge) {
		r.sql.WriteString("instr(lower(")
		r.operand(like.left)
		r.sql.WriteString("),")
		constant(text.plain)
		r.sql.WriteString(")>0")
	} else {
		list, _ := json.Marshal(texts) // strings and numbers only
		count := strconv.Itoa(len(texts))
		r.sql.WriteString(`WITH RECURSIVE pfl(i,r,t) AS (SELECT 0,'` + edge + `'||lower(`)
		r.operand(like.left)
		r.sql.WriteString(`)||'` + edge + `',`)
		constant(string(list))
		// Each text is looked for in what the one before has left.
		r.sql.WriteString(` UNION ALL SELECT i+1,substr(r,nullif(` + findText + `,0)+` + lengthOfText + `),t FROM pfl WHERE r IS NOT NULL AND i<` +
			count + `) SELECT max(i)=` + count + ` FROM pfl WHERE r IS NOT NULL`)
	}
	r.sql.WriteString(after)
}

// operand writes a part of what is being rewritten.
func (r *renderer) operand(part operand) {
	names := r.names // one may belong behind the whole
	r.names, r.at = nil, part.start
	r.emit(part.end)
	r.names = names
}

// A LIKE whose pattern is known row by row is the LIKE that it is where the pattern is short. One like %text% is looked for with instr, any other
// is compared character by character: s and p are what is left of value and pattern, a and b what was left of them behind the last %, where the
// comparison goes on, one character further, when it fails. k tells the step: % is passed, characters are equal, the one behind an
// ESCAPE is, or back to the %.
const (
	likeSteps = `WITH RECURSIVE pfk(k) AS (VALUES(1),(2),(3),(4)),pfm(s,p,a,b) AS (SELECT lower(pfs),lower(pfp),NULL,NULL UNION ALL ` +
		`SELECT CASE k WHEN 1 THEN s WHEN 4 THEN substr(a,2) ELSE substr(s,2) END,CASE k WHEN 3 THEN substr(p,3) WHEN 4 THEN b ELSE substr(p,2) END,` +
		`CASE k WHEN 1 THEN s WHEN 4 THEN substr(a,2) ELSE a END,CASE k WHEN 1 THEN substr(p,2) ELSE b END ` +
		`FROM pfm JOIN pfk ON k=CASE WHEN @escaped substr(p,1,1)='%' THEN 1 ` +
		`WHEN s<>'' AND substr(p,1,1) IN ('_',substr(s,1,1)) THEN 2 WHEN a<>'' THEN 4 END) ` +
		`SELECT EXISTS(SELECT 1 FROM pfm WHERE p='%' OR p='' AND s='')`

	likeEscaped = `substr(p,1,1)=@e THEN CASE WHEN length(p)>1 AND s<>'' AND substr(p,2,1)=substr(s,1,1) THEN 3 WHEN a<>'' THEN 4 END WHEN`
)

// computedLike appends a LIKE whose pattern is an expression.
func (r *renderer) computedLike(like likeOperator) {
	escape, escaped, isPlain := "", "", "instr(pfq,'%')+instr(pfq,'_')=0"
	if like.escape != "" {
		e := quote(like.escape)
		escape = " ESCAPE " + e
		escaped = strings.ReplaceAll(likeEscaped, "@e", e)
		isPlain = "instr(pfq,'%')+instr(pfq,'_')+instr(pfq," + e + ")=0"
	}
	if like.not {
		r.sql.WriteString("(NOT ")
	}
	r.sql.WriteString("(SELECT CASE WHEN pfs IS NULL OR pfp IS NULL THEN NULL WHEN length(CAST(pfp AS BLOB))<=" + strconv.Itoa(maxPattern) +
		" THEN pfs LIKE pfp" + escape + " WHEN " + isPlain + " AND substr(pfp,1,1)='%' AND substr(pfp,-1)='%' THEN instr(lower(pfs),lower(pfq))>0 ELSE (" +
		strings.Replace(likeSteps, "@escaped", escaped, 1) + ") END FROM (SELECT pfs,pfp,trim(pfp,'%') AS pfq FROM (SELECT ")
	r.operand(like.left)
	r.sql.WriteString(" AS pfs,")
	r.operand(like.pattern)
	r.sql.WriteString(" AS pfp)))")
	if like.not {
		r.sql.WriteByte(')')
	}
}
