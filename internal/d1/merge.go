package d1

import "strings"

// mergeInserts makes one INSERT of several rows of INSERTs that follow each other and differ in their values alone, as many as a
// statement may have parameters. It tells of each statement of batch its place in merged, and of each of those how many it holds.
//
// A batch of 200 log entries is ten statements then: D1 counts statements.
func mergeInserts(batch []Statement) (merged []Statement, places, sizes []int) {
	places = make([]int, len(batch))
	for i, statement := range batch {
		last := len(merged) - 1
		row, ok := "", false
		if last >= 0 && statement.SQL == batch[i-1].SQL && len(merged[last].Params)+len(statement.Params) <= maxParams {
			row, ok = insertedRow(statement.SQL)
		}
		if ok && len(merged[last].SQL)+len(row) < maxSQL {
			merged[last].SQL += ", " + row
			merged[last].Params = append(merged[last].Params[:len(merged[last].Params):len(merged[last].Params)], statement.Params...)
			sizes[last]++
		} else {
			merged = append(merged, statement)
			sizes = append(sizes, 1)
			last++
		}
		places[i] = last
	}
	return merged, places, sizes
}

// splitResults gives each of the statements that were merged its own result: it has inserted one row.
func splitResults(results []Result, places, sizes []int) []Result {
	split := make([]Result, 0, len(places))
	for i, place := range places {
		if place >= len(results) {
			break
		}
		result := results[place]
		if sizes[place] > 1 {
			after := 0 // rows of the same statement
			for j := i + 1; j < len(places) && places[j] == place; j++ {
				after++
			}
			result = Result{Changes: 1, LastRowID: result.LastRowID - int64(after)}
		}
		split = append(split, result)
	}
	return split
}

// insertedRow is the row in parentheses of a plain INSERT INTO … VALUES (…), which may be followed by others.
func insertedRow(sql string) (row string, ok bool) {
	sc := scanner{text: sql}
	if !sc.next() || !sc.is("INSERT") || !sc.next() || !sc.is("INTO") {
		return "", false
	}
	start, depth := -1, 0
	for sc.next() {
		switch {
		case start >= 0 && depth == 0 && !sc.isSymbol('('):
			return "", false // something follows the row
		case sc.isSymbol('('):
			if depth++; depth == 1 && start >= 0 {
				if row != "" {
					return "", false
				}
				row = sql[sc.start:]
			}
		case sc.isSymbol(')'):
			depth--
		case depth == 0 && sc.is("VALUES"):
			start = sc.end
		case depth == 0 && sc.is("SELECT"), depth == 0 && sc.is("DEFAULT"):
			return "", false
		}
	}
	return strings.TrimSpace(row), row != ""
}
