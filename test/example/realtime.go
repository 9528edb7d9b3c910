package main

import (
	"encoding/json"
	"net/http"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/subscriptions"
)

// bindRealtimeRoutes has the routes that speak to listeners.
func bindRealtimeRoutes(g *group) {
	g.POST("/broker/{topic}", sendToTopic)
}

// sendToTopic sends the query's text to all clients that have subscribed to the topic.
func sendToTopic(e *core.RequestEvent) error {
	topic := e.Request.PathValue("topic")
	data, err := json.Marshal(map[string]string{"text": e.Request.URL.Query().Get("text")})
	if err != nil {
		return err
	}
	sent := 0
	for _, client := range e.App.SubscriptionsBroker().Clients() {
		if client.HasSubscription(topic) {
			client.Send(subscriptions.Message{Name: topic, Data: data})
			sent++
		}
	}
	return e.JSON(http.StatusOK, map[string]any{"sent": sent})
}
