package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/subscriptions"
)

const storeConnections = "example.connections"

// bindRealtimeHooks has handlers for what listeners ask and get, when EXAMPLE_REALTIME_HOOKS asks for them.
func bindRealtimeHooks(app core.App) {
	if os.Getenv("EXAMPLE_REALTIME_HOOKS") == "" {
		return
	}
	app.OnRealtimeConnectRequest().BindFunc(func(e *core.RealtimeConnectRequestEvent) error {
		query := e.Request.URL.Query()
		if query.Has("refuse") {
			return e.TooManyRequestsError("Refused by the hook.", nil)
		}
		if idle := query.Get("idle"); idle != "" {
			e.IdleTimeout, _ = time.ParseDuration(idle)
		}
		e.Client.Set("greeting", query.Get("greeting"))
		add(e.App, storeConnections, 1)
		defer add(e.App, storeConnections, -1)
		return e.Next()
	})
	app.OnRealtimeSubscribeRequest().BindFunc(func(e *core.RealtimeSubscribeRequestEvent) error {
		if slices.Contains(e.Subscriptions, "forbidden") {
			return e.ForbiddenError("Not this one.", nil)
		}
		e.Subscriptions = append(e.Subscriptions, "extra")
		return e.Next()
	})
	app.OnRealtimeMessageSend().BindFunc(func(e *core.RealtimeMessageEvent) error {
		switch e.Message.Name {
		case "dropped":
			return nil
		case "news":
			greeting, _ := e.Client.Get("greeting").(string)
			text := fmt.Sprintf(`{"greeting":%q,"of":%d,"text":%s}`, greeting, len(e.Client.Subscriptions()), e.Message.Data)
			e.Message.Data = []byte(text)
		}
		return e.Next()
	})
	app.OnRecordCreate("notes").BindFunc(func(e *core.RecordEvent) error {
		announce(e.App, "before", fmt.Appendf(nil, "%q", e.Record.GetString("title")))
		return e.Next()
	})
	app.OnRecordAfterCreateSuccess("notes").BindFunc(func(e *core.RecordEvent) error {
		announce(e.App, "after", fmt.Appendf(nil, "%q", e.Record.GetString("title")))
		return e.Next()
	})
}

// bindRealtimeRoutes has the routes that speak to listeners.
func bindRealtimeRoutes(g *group) {
	g.POST("/broker/{topic}", sendToTopic)
	g.POST("/broker/{topic}/transaction", sendInTransaction)
	g.POST("/saves/{id}", saveAfterwards)
	g.GET("/broker/connections", func(e *core.RequestEvent) error {
		return e.JSON(http.StatusOK, map[string]any{"connections": stored(e.App, storeConnections)})
	})
}

// saveAfterwards stores what nobody listens to and, after the query's pause, the query's count in the path's note.
func saveAfterwards(e *core.RequestEvent) error {
	audit, err := e.App.FindCollectionByNameOrId("audit")
	if err != nil {
		return err
	}
	entry := core.NewRecord(audit)
	entry.Set("event", "saved")
	if err := e.App.Save(entry); err != nil {
		return err
	}
	time.Sleep(time.Duration(number(e, "pause", 0)) * time.Millisecond)
	note, err := e.App.FindRecordById("notes", e.Request.PathValue("id"))
	if err != nil {
		return err
	}
	note.Set("count", number(e, "count", 0))
	if err := e.App.Save(note); err != nil {
		return err
	}
	return e.NoContent(http.StatusNoContent)
}

// sendInTransaction stores a note with the query's id and sends it to the topic before that is committed.
func sendInTransaction(e *core.RequestEvent) error {
	id := e.Request.URL.Query().Get("id")
	err := e.App.RunInTransaction(func(tx core.App) error {
		if _, err := tx.DB().Insert("notes", dbx.Params{"id": id}).Execute(); err != nil {
			return err
		}
		announce(tx, e.Request.PathValue("topic"), fmt.Appendf(nil, "%q", id))
		return nil
	})
	if err != nil {
		return e.BadRequestError("Not stored.", err)
	}
	return e.NoContent(http.StatusNoContent)
}

// sendToTopic sends the query's text to all clients that have subscribed to the topic.
func sendToTopic(e *core.RequestEvent) error {
	data, err := json.Marshal(map[string]string{"text": e.Request.URL.Query().Get("text")})
	if err != nil {
		return err
	}
	return e.JSON(http.StatusOK, map[string]any{"sent": announce(e.App, e.Request.PathValue("topic"), data)})
}

// announce sends data to all clients that have subscribed to the topic, and returns their number.
func announce(app core.App, topic string, data []byte) (sent int) {
	for _, client := range app.SubscriptionsBroker().Clients() {
		if client.HasSubscription(topic) {
			client.Send(subscriptions.Message{Name: topic, Data: data})
			sent++
		}
	}
	return sent
}
