package d1

import (
	"database/sql/driver"
	"errors"
)

var (
	errVacuumInto = errors.New("d1: VACUUM INTO needs a file system; make a backup instead, or use D1 Time Travel")
	errControl    = errors.New("d1: BEGIN, COMMIT, ROLLBACK and SAVEPOINT cannot be sent as SQL: use RunInTransaction, or BeginTx of database/sql; " +
		"an error inside of a transaction undoes its own statement only")
)

// idlePragmas are about files, caches and locks that D1 keeps to itself, with the answer that stock PocketBase's
// connection would give. Setting one does nothing.
var idlePragmas = map[string]driver.Value{
	"analysis_limit": int64(0), "auto_vacuum": int64(0), "busy_timeout": int64(10000), "cache_size": int64(-32000),
	"cache_spill": int64(1), "checkpoint_fullfsync": int64(0), "foreign_keys": int64(1), "fullfsync": int64(0),
	"incremental_vacuum": nil, "journal_mode": "wal", "journal_size_limit": int64(200000000), "locking_mode": "normal",
	"mmap_size": int64(0), "shrink_memory": nil, "soft_heap_limit": int64(0), "synchronous": int64(1),
	"temp_store": int64(2), "threads": int64(0), "wal_autocheckpoint": int64(1000), "wal_checkpoint": nil,
}

// idleAnswer tells whether a statement has nothing to do on D1, and what it answers.
func idleAnswer(p *parsed) (answer *rowList, idle bool, err error) {
	switch p.kind {
	case kindControl:
		return nil, false, errControl
	case kindVacuum:
		if sc := (scanner{text: p.text}); sc.contains("INTO") {
			return nil, false, errVacuumInto
		}
		return &rowList{}, true, nil
	case kindPragma:
		name, _ := pragma(p.text)
		value, known := idlePragmas[name]
		switch {
		case !known:
			return nil, false, nil
		case name == "wal_checkpoint":
			return &rowList{
				columns: []string{"busy", "log", "checkpointed"}, values: []driver.Value{int64(0), int64(0), int64(0)},
			}, true, nil
		case value == nil:
			return &rowList{}, true, nil
		}
		return &rowList{columns: []string{name}, values: []driver.Value{value}}, true, nil
	}
	return nil, false, nil
}
