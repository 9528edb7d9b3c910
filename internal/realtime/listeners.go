package realtime

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/subscriptions"
)

// setID tells a set from those of all hubs.
type setID struct {
	shard  int
	number float64
}

// set is what listeners have in common, ready to be evaluated.
type set struct {
	setID
	auth   *Auth
	topics *subscriptions.DefaultClient // parses the subscriptions and finds those with a prefix

	record *core.Record // the auth's, once it was loaded; nil if it is not valid any more
	loaded bool
}

// listeners are the sets of all hubs as this isolate knows them, found by what they listen to and by whose they are.
type listeners struct {
	app      core.App
	door     Door
	sets     map[setID]*set
	versions map[int]float64
	byTopic  map[string]map[*set]struct{}
	byAuth   map[string]map[*set]struct{} // by the collection's id and the record's
}

func (l *listeners) init(app core.App, door Door) {
	l.app, l.door = app, door
	l.sets, l.versions = map[setID]*set{}, map[int]float64{}
	l.byTopic, l.byAuth = map[string]map[*set]struct{}{}, map[string]map[*set]struct{}{}
}

// sync reads what has changed, unless the event's knowledge still holds. Each event asks for itself: one that waited for another's answer
// would have nothing on its way, and end.
func (l *listeners) sync(ctx context.Context) error {
	if l.door.State().knowledge() != StateStale {
		return nil
	}
	changes, err := l.door.Changes(ctx)
	if err != nil {
		return err
	}
	for _, change := range changes {
		l.apply(change)
	}
	return nil
}

func (l *listeners) apply(change Change) {
	if change.Version > 0 && change.Version <= l.versions[change.Shard] {
		return // another event was told the same, or more
	}
	if change.All {
		for id, known := range l.sets {
			if id.shard == change.Shard {
				l.remove(known)
			}
		}
	}
	for _, number := range change.Removed {
		if known := l.sets[setID{change.Shard, number}]; known != nil {
			l.remove(known)
		}
	}
	for _, added := range change.Added {
		l.add(change.Shard, added)
	}
	l.versions[change.Shard] = change.Version
}

func (l *listeners) add(shard int, told Set) {
	known := &set{setID: setID{shard, told.Number}, auth: told.Auth, topics: subscriptions.NewDefaultClient()}
	known.topics.Subscribe(told.Subscriptions...)
	if old := l.sets[known.setID]; old != nil {
		l.remove(old)
	}
	l.sets[known.setID] = known
	for subscription := range known.topics.Subscriptions() {
		put(l.byTopic, topicOf(subscription), known)
	}
	if known.auth != nil {
		put(l.byAuth, authKey(known.auth.Collection, known.auth.ID), known)
	}
}

func (l *listeners) remove(known *set) {
	delete(l.sets, known.setID)
	for subscription := range known.topics.Subscriptions() {
		take(l.byTopic, topicOf(subscription), known)
	}
	if known.auth != nil {
		take(l.byAuth, authKey(known.auth.Collection, known.auth.ID), known)
	}
}

// interested are the sets with a subscription to the record, in no order. PocketBase's realtimeBroadcastRecord has the same topics.
func (l *listeners) interested(collection *core.Collection, recordID string) []*set {
	if len(l.sets) == 0 {
		return nil
	}
	var found []*set
	seen := map[*set]struct{}{}
	for _, name := range [...]string{collection.Name, collection.Id} {
		for _, topic := range [...]string{name + "/" + recordID, name + "/*", name} {
			for known := range l.byTopic[topic] {
				if _, again := seen[known]; !again {
					seen[known] = struct{}{}
					found = append(found, known)
				}
			}
		}
	}
	return found
}

// load reads the auth records of the sets that have none yet. One that has been deleted, or whose token key is another one than when its
// client has signed in, is nobody's.
func (l *listeners) load(sets []*set) error {
	missing := map[string][]*set{}
	for _, known := range sets {
		if known.auth != nil && !known.loaded {
			missing[known.auth.Collection] = append(missing[known.auth.Collection], known)
		}
	}
	for collection, sets := range missing {
		ids := make([]string, len(sets))
		for i, known := range sets {
			ids[i] = known.auth.ID
		}
		records, err := l.app.FindRecordsByIds(collection, ids)
		if err != nil {
			if _, gone := l.app.FindCachedCollectionByNameOrId(collection); gone == nil {
				return err
			}
		}
		byID := make(map[string]*core.Record, len(records))
		for _, record := range records {
			byID[record.Id] = record
		}
		for _, known := range sets {
			if record := byID[known.auth.ID]; record != nil && digest(record.TokenKey()) == known.auth.Key {
				known.record = record
			}
			known.loaded = true
		}
	}
	return nil
}

func authKey(collectionID, id string) string { return collectionID + "/" + id }

// topicOf is the subscription without its options.
func topicOf(subscription string) string {
	topic, _, _ := strings.Cut(subscription, "?")
	return topic
}

// digest stands for a token key where the hub keeps it.
func digest(tokenKey string) string {
	sum := sha256.Sum256([]byte(tokenKey))
	return hex.EncodeToString(sum[:12])
}

func put(index map[string]map[*set]struct{}, key string, known *set) {
	sets := index[key]
	if sets == nil {
		sets = map[*set]struct{}{}
		index[key] = sets
	}
	sets[known] = struct{}{}
}

func take(index map[string]map[*set]struct{}, key string, known *set) {
	delete(index[key], known)
	if len(index[key]) == 0 {
		delete(index, key)
	}
}
