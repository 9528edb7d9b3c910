package d1

// What D1 allows, as documented and seen in 2026-11; where the local simulation and production differ, the stricter.
const (
	maxParams        = 100       // bound parameters a statement
	maxSQL           = 100_000   // bytes of a statement's text
	maxValue         = 2_000_000 // bytes of a string or blob
	maxResultColumns = 2000      // columns of a result that are read: SQLite's own limit; D1 gives 100
	maxPattern       = 50        // bytes of a pattern of LIKE
	maxTerms         = 5         // SELECTs of a compound one
	maxArguments     = 32        // arguments of a function
	maxCondition     = 40        // conditions that are joined by OR, well under the expression depth of 100
)

// What a transaction may send. D1 names neither: a call of a binding carries 32 MiB, and a Worker on the paid plan may make 1,000 queries, of
// which it is not documented whether each statement of a batch is one.
const (
	defaultStatements = 10_000
	maxBatchBytes     = 30 << 20
)

// What the driver chooses for itself.
const (
	inListSize   = 64      // from so many values on, an IN list travels as one JSON parameter
	pageSize     = 500_000 // bytes of rows that one assertion compares
	windowSize   = 400_000 // bytes of a result that are fetched at once as hex
	longChain    = 25      // from so many operands on, a chain of AND or OR is grouped
	columnsKept  = 256     // queries whose columns are remembered
	jsonListSize = 1_500_000

	// A statement's own text, so that what a transaction puts around it has room as well.
	maxOwnSQL = maxSQL - 12_000

	scratchRows  = 500 // rows of a table up to which the scratch holds it whole
	scratchLoads = 40  // tables that are asked for at once

	readsBeforeLoad = 2 // reads of a table, in one transaction, after which the next loads it

	// Of a large table rows are fetched by their keys.
	listsKept = 4         // results whose rows may be asked for one by one
	firstKeys = 64        // rows at first
	fetchSize = 1_000_000 // bytes at once, by what the first have shown
	maxKeys   = 20_000    // rows at once
)
