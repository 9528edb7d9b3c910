package main

import (
	"errors"
	"net/http"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// bindDatabaseRoutes has the routes that use the app's database from Go.
func bindDatabaseRoutes(g *group) {
	g.POST("/transaction", transaction)
	g.POST("/increment/{id}", increment)
	g.POST("/transfer", transfer)
	g.GET("/values", values)
	g.GET("/await/{id}", await)
}

// transaction writes, reads what it wrote, and fails in the end if the query asks for it.
func transaction(e *core.RequestEvent) error {
	var seen []string
	err := e.App.RunInTransaction(func(tx core.App) error {
		notes, err := tx.FindCollectionByNameOrId("notes")
		if err != nil {
			return err
		}
		for _, title := range []string{"Tx one", "Tx two"} {
			record := core.NewRecord(notes)
			record.Set("title", title)
			if err := tx.Save(record); err != nil {
				return err
			}
			found, err := tx.FindRecordById("notes", record.Id)
			if err != nil {
				return err
			}
			seen = append(seen, found.GetString("slug"))
		}
		if e.Request.URL.Query().Has("fail") {
			return errors.New("the transaction's own failure")
		}
		return nil
	})
	if err != nil {
		return e.BadRequestError(err.Error(), map[string]any{"seen": seen})
	}
	return e.JSON(http.StatusOK, map[string]any{"seen": seen})
}

// increment reads a note's count, waits, and stores one more: two at once must not both win from one value. If the query has a URL to
// tell, it is asked first.
func increment(e *core.RequestEvent) error {
	if tell := e.Request.URL.Query().Get("tell"); tell != "" {
		response, err := http.Get(tell)
		if err != nil {
			return err
		}
		_ = response.Body.Close()
	}
	pause := time.Duration(number(e, "pause", 0)) * time.Millisecond
	var count int
	err := e.App.RunInTransaction(func(tx core.App) error {
		record, err := tx.FindRecordById("notes", e.Request.PathValue("id"))
		if err != nil {
			return err
		}
		time.Sleep(pause)
		count = record.GetInt("count") + 1
		record.Set("count", count)
		return tx.Save(record)
	})
	if err != nil {
		return err
	}
	return e.JSON(http.StatusOK, map[string]any{"count": count})
}

// transfer moves an amount from one note's count to another's and leaves a receipt, a note with the title of the key. What one note does
// not have is refused.
func transfer(e *core.RequestEvent) error {
	query, amount := e.Request.URL.Query(), number(e, "amount", 1)
	return e.App.RunInTransaction(func(tx core.App) error {
		from, err := tx.FindRecordById("notes", query.Get("from"))
		if err != nil {
			return err
		}
		if from.GetInt("count") < amount {
			return e.BadRequestError("There is not so much.", nil)
		}
		from.Set("count", from.GetInt("count")-amount)
		if err := tx.Save(from); err != nil {
			return err
		}
		to, err := tx.FindRecordById("notes", query.Get("to"))
		if err != nil {
			return err
		}
		to.Set("count", to.GetInt("count")+amount)
		if err := tx.Save(to); err != nil {
			return err
		}
		receipt := core.NewRecord(from.Collection())
		receipt.Set("title", query.Get("key"))
		if err := tx.Save(receipt); err != nil {
			return err
		}
		return e.NoContent(http.StatusNoContent)
	})
}

// await reads a note's count again and again, without a pause, until it is no longer 0.
func await(e *core.RequestEvent) error {
	deadline := time.Now().Add(10 * time.Second)
	for count := 0; time.Now().Before(deadline); {
		err := e.App.DB().NewQuery("SELECT count FROM notes WHERE id={:id}").Bind(map[string]any{"id": e.Request.PathValue("id")}).Row(&count)
		if err != nil {
			return err
		}
		if count != 0 {
			return e.JSON(http.StatusOK, map[string]any{"count": count})
		}
	}
	return errors.New("the count has stayed 0")
}

// values binds and scans a value of each kind.
func values(e *core.RequestEvent) error {
	var row struct {
		Large   int64   `db:"large"`
		Small   float64 `db:"small"`
		Text    string  `db:"text"`
		Blob    []byte  `db:"blob"`
		Truth   bool    `db:"truth"`
		Missing *string `db:"missing"`
	}
	err := e.App.DB().NewQuery(`SELECT {:large} [[large]], {:small} [[small]], {:text} [[text]],
		{:blob} [[blob]], {:truth} [[truth]], NULL [[missing]]`).Bind(map[string]any{
		"large": int64(1<<62 + 1), "small": 0.1, "text": "é\u2028\"'", "blob": []byte{0, 1, 255}, "truth": true,
	}).One(&row)
	if err != nil {
		return err
	}
	now := time.Now()
	stored, err := storeTime(e.App, now)
	if err != nil {
		return err
	}
	return e.JSON(http.StatusOK, map[string]any{
		"large": row.Large == 1<<62+1, "small": row.Small, "text": row.Text, "blob": row.Blob, "truth": row.Truth,
		"missing": row.Missing == nil, "time": stored.Equal(now),
	})
}

// storeTime is what a column of times gives of one that was stored there.
func storeTime(app core.App, moment time.Time) (stored time.Time, err error) {
	err = app.RunInTransaction(func(tx core.App) error {
		if _, err := tx.DB().NewQuery("CREATE TABLE times (at DATETIME)").Execute(); err != nil {
			return err
		}
		if _, err := tx.DB().Insert("times", dbx.Params{"at": moment}).Execute(); err != nil {
			return err
		}
		if err := tx.DB().Select("at").From("times").Row(&stored); err != nil {
			return err
		}
		_, err := tx.DB().DropTable("times").Execute()
		return err
	})
	return stored, err
}
