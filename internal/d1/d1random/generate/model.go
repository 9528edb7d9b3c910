package generate

import (
	"errors"
	"io"
	"log/slog"
	"slices"

	"github.com/pocketbase/pocketbase/core"
)

// model is what the generator knows of the database.
type model struct {
	core.App // of which PocketBase's resolvers need what is here, and no more
	tables   []*table
	views    []*view
}

// table is a collection and the ids of the records that should be in it.
type table struct {
	*core.Collection
	ids []string
}

// view is a view over a collection, as core.SaveView writes it.
type view struct {
	name, query string
	columns     []string
}

func (m model) clone() model {
	tables := make([]*table, len(m.tables))
	for i, t := range m.tables {
		collection := *t.Collection
		collection.Fields, _ = t.Fields.Clone()
		collection.Indexes = slices.Clone(t.Indexes)
		tables[i] = &table{&collection, slices.Clone(t.ids)}
	}
	return model{m.App, tables, slices.Clone(m.views)}
}

// find gives a table by its collection's id or name.
func (m model) find(nameOrId string) *table {
	for _, t := range m.tables {
		if t.Id == nameOrId || t.Name == nameOrId {
			return t
		}
	}
	return nil
}

// FindCachedCollectionByNameOrId is what the resolvers ask for relations.
func (m model) FindCachedCollectionByNameOrId(nameOrId string) (*core.Collection, error) {
	if t := m.find(nameOrId); t != nil {
		return t.Collection, nil
	}
	return nil, errors.New("no such collection")
}

// Logger is where the resolvers tell what they make of odd input.
func (m model) Logger() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }
