package sim

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"keepwatch"
	"keepwatch/internal/sfmc/sim/world"
)

// sendCodes are the words for why a message was not sent.
var sendCodes = map[int]string{5: "InvalidEmailAddress", 43: "SubscriberRequestExpired", 126: "MessageVolumeLimitExceeded", 138: "ExceededExpirationPolicy"}

func definitionItem(d world.SendView) object {
	return object{"name": d.Name, "definitionKey": d.Key, "status": d.Status, "createdDate": centralTime(d.Created), "modifiedDate": centralTime(d.Modified)}
}

// liveDefinitions lists definitions; its count is that of the page.
func liveDefinitions(kind keepwatch.SubjectKind) func(*call) (answer, bool) {
	return func(c *call) (answer, bool) {
		filter := strings.ToLower(c.query("filter"))
		_, wanted, _ := strings.Cut(filter, "status eq ")
		var items []object
		for _, d := range c.s.world.Sends(c.mid, kind) {
			if wanted == "" || strings.EqualFold(d.Status, strings.Trim(wanted, "' ")) {
				items = append(items, definitionItem(d))
			}
		}
		page := c.pageOf(items)
		list, _ := page["items"].([]object)
		if list == nil {
			list = []object{}
		}
		return ok(object{"requestId": guidOf("request", randomText(8)), "definitions": list, "count": len(list), "page": page["page"], "pageSize": page["pageSize"]})
	}
}

func (c *call) definition(kind keepwatch.SubjectKind, key string) (world.SendView, bool) {
	for _, d := range c.s.world.Sends(c.mid, kind) {
		if strings.EqualFold(d.Key, key) {
			return d, true
		}
	}
	return world.SendView{}, false
}

func definitionNotFound() answer {
	return restError(http.StatusNotFound, 30003, "Unable to find the definition.")
}

func liveDefinition(kind keepwatch.SubjectKind) func(*call) (answer, bool) {
	return func(c *call) (answer, bool) {
		d, known := c.definition(kind, c.part(4))
		if !known {
			return definitionNotFound(), true
		}
		out := definitionItem(d)
		out["requestId"], out["definitionId"], out["description"], out["classification"] = guidOf("request", randomText(8)), d.ID, "", "Default Transactional"
		out["content"], out["options"] = object{"customerKey": d.Key}, object{"trackLinks": true}
		out["subscriptions"] = object{"list": "All Subscribers", "dataExtension": "", "autoAddSubscriber": true, "updateSubscriber": true}
		return ok(out)
	}
}

// liveQueue is what a definition accepted and has not processed.
func liveQueue(kind keepwatch.SubjectKind) func(*call) (answer, bool) {
	return func(c *call) (answer, bool) {
		d, known := c.definition(kind, c.part(4))
		if !known {
			return definitionNotFound(), true
		}
		return ok(object{"requestId": guidOf("request", randomText(8)), "count": d.Queued, "ageSeconds": int64(d.Oldest.Seconds())})
	}
}

// liveMessages is the feed of what was not sent, and the door for new messages.
func liveMessages(kind keepwatch.SubjectKind) func(*call) (answer, bool) {
	return func(c *call) (answer, bool) {
		if c.r.Method == http.MethodPost {
			return c.sendMessages(kind)
		}
		after, _ := strconv.ParseInt(c.query("lastEventId"), 10, 64)
		_, size := c.pagingUpTo(1000)
		prefix := map[keepwatch.SubjectKind]string{keepwatch.SubjectTransactionalEmail: "Email", keepwatch.SubjectTransactionalSMS: "Sms"}[kind]
		messages := []object{}
		for _, u := range c.s.world.Unsent(c.mid, kind, after, size) {
			after = u.ID
			messages = append(messages, object{
				"eventCategoryType": "TransactionalSendEvents." + prefix + "NotSent", "timestamp": centralTime(u.At), "definitionKey": u.Send, "eventID": u.ID,
				"statusCode": u.Code, "statusMessage": sendCodes[u.Code], "info": object{"messageKey": guidOf("message", strconv.FormatInt(u.ID, 10))},
			})
		}
		return ok(object{"lastEventID": after, "messages": messages, "count": len(messages), "pageSize": size})
	}
}

// sendMessages accepts messages: 202 says that they are queued, and no more.
func (c *call) sendMessages(kind keepwatch.SubjectKind) (answer, bool) {
	var m struct {
		DefinitionKey string
		Recipient     json.RawMessage
		Recipients    []json.RawMessage
	}
	n := 1
	if unmarshal(c.body, &m) != nil || m.DefinitionKey == "" {
		return badBody()
	}
	if len(m.Recipients) > 0 {
		n = len(m.Recipients)
	}
	if err := c.s.world.Request(c.mid, kind, m.DefinitionKey, n); err != nil {
		return definitionNotFound(), true
	}
	responses := []object{}
	for range n {
		responses = append(responses, object{"messageKey": guidOf("message", randomText(12))})
	}
	return jsonAnswer(http.StatusAccepted, object{"requestId": guidOf("request", randomText(8)), "errorcode": 0, "responses": responses}), true
}

// legacySend answers 202 whatever becomes of it.
func legacySend(c *call) (answer, bool) {
	key, _ := keyed(c.part(3))
	response := object{"recipientSendId": guidOf("recipient", randomText(12)), "hasErrors": false, "messages": []string{"Queued"}}
	if err := c.s.world.Request(c.mid, keepwatch.SubjectTriggeredSend, key, 1); err != nil {
		code := "17010"
		if errors.Is(err, keepwatch.ErrConflict) {
			code = "18002"
		}
		response = object{"hasErrors": true, "messages": []string{"Unable to queue the send."}, "messageErrors": []object{{"messageErrorCode": code, "messageErrorStatus": "TriggeredSendDefinitionNotFound"}}}
	}
	return jsonAnswer(http.StatusAccepted, object{"requestId": guidOf("request", randomText(8)), "responses": []object{response}}), true
}

func domainVerification(c *call) (answer, bool) {
	item := func(domain, status string, sendable bool) object {
		return object{"enterpriseId": c.enterprise(), "domain": domain, "status": status, "domainType": "UserDomain", "isSendable": sendable, "memberId": c.mid, "emailSendTime": centralTime(c.now)}
	}
	items := []object{item("mail.example.com", "Verified", true)}
	if bad := c.settings.UnverifiedDomain; bad != "" {
		items = append(items, item(bad, "Pending", false))
	}
	return ok(c.pageOf(items))
}
