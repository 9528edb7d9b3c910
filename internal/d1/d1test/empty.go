package d1test

import (
	"context"
	"database/sql"
)

// Empty drops everything but what the driver and D1 keep for themselves.
func Empty(ctx context.Context, db *sql.DB) error {
	rows, err := db.QueryContext(ctx, `SELECT 'DROP '||type||' "'||replace(name, '"', '""')||'"' FROM sqlite_master
		WHERE type IN ('view', 'table') AND name NOT GLOB '_pf*' AND name NOT GLOB '_cf*' AND name NOT GLOB 'sqlite_*'
		AND name NOT IN (SELECT name FROM pragma_table_list WHERE type = 'shadow')
		ORDER BY type DESC, rowid DESC`)
	if err != nil {
		return err
	}
	defer rows.Close()
	drop := "PRAGMA defer_foreign_keys = ON"
	for rows.Next() {
		var statement string
		if err := rows.Scan(&statement); err != nil {
			return err
		}
		drop += ";" + statement
	}
	if err := rows.Err(); err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, drop)
	return err
}
