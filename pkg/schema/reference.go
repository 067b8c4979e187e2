package schema

import (
	"slices"
	"strconv"
	"strings"
)

// Reference is a mention of another document of the account.
type Reference struct {
	ID   string
	Type string // pvt_type of the document meant: "menu", "user", …

	Enters bool // the call goes on in that callflow by itself; another reference only names it

	at *place
}

// Path returns where the id stands. It is made anew by each call, as that of a
// [Node] is.
func (r Reference) Path() string { return r.at.path() }

// References lists the documents that an action mentions in its data. What is
// no id is left out: "", and media given by URL, path or prompt name.
func (n Node) References() []Reference {
	var out []Reference
	add := func(at *place, v any, kind string) {
		id, _ := v.(string)
		if id == "" || kind == "" || kind == "media" && !documentID(id) {
			return
		}
		out = append(out, Reference{ID: id, Type: kind, Enters: n.Module == "callflow" && !n.Metaflow, at: at})
	}
	data := n.at.child("data")
	for _, f := range n.referenceFields() {
		at, v := data, any(n.Data)
		for key := range strings.SplitSeq(f.key, ".") {
			m, _ := v.(map[string]any)
			at, v = at.child(key), m[key]
		}
		if !f.list {
			add(at, v, f.kind)
			continue
		}
		items, _ := v.([]any)
		for i, item := range items {
			itemAt, kind := at.child(i), f.kind
			if m, ok := item.(map[string]any); ok {
				if f.kind == "" {
					kind = endpointKind(m)
				}
				itemAt, item = itemAt.child("id"), m["id"]
			}
			add(itemAt, item, kind)
		}
	}
	return out
}

// documentID tells whether s looks like an id made by Kazoo or CouchDB: 32
// hexadecimal digits.
func documentID(s string) bool {
	_, high := strconv.ParseUint(s[:min(len(s), 16)], 16, 64)
	return len(s) == 32 && high == nil && strings.Trim(s, "0123456789abcdefABCDEF") == ""
}

// endpointKind reads the type of an endpoint or recipient from the object
// itself.
func endpointKind(m map[string]any) string {
	for _, key := range []string{"endpoint_type", "type"} {
		switch kind, _ := m[key].(string); kind {
		case "user", "device", "group":
			return kind
		}
	}
	return ""
}

// referenceField is a place in data where an id may stand.
type referenceField struct {
	key  string // dotted
	kind string // pvt_type; "" where the item itself says it
	list bool   // an array of ids, or of objects with id
}

func (n Node) referenceFields() []referenceField {
	if n.Metaflow {
		return metaflowReferences[n.Module]
	}
	return callflowReferences[n.Module]
}

var metaflowReferences = map[string][]referenceField{
	"callflow": {{key: "id", kind: "callflow"}},
	"hold":     {{key: "moh_aleg", kind: "media"}, {key: "moh_bleg", kind: "media"}},
	"move":     {{key: "device_id", kind: "device"}, {key: "owner_id", kind: "user"}},
	"play":     {{key: "id", kind: "media"}},
}

var (
	approved = []referenceField{
		{key: "approved_device_id", kind: "device"},
		{key: "approved_group_id", kind: "group"},
		{key: "approved_user_id", kind: "user"},
	}
	targetDevice = referenceField{key: "device_id", kind: "device"}
	targetGroup  = referenceField{key: "group_id", kind: "group"}
	targetUser   = referenceField{key: "user_id", kind: "user"}
	pickup       = slices.Concat(approved, []referenceField{targetDevice, targetGroup, targetUser})

	conference = []referenceField{{key: "id", kind: "conference"}, {key: "welcome_prompt.media_id", kind: "media"}}
	endpoints  = []referenceField{{key: "endpoints", list: true}}
	recipients = []referenceField{{key: "recipients", list: true}}
)

var callflowReferences = map[string][]referenceField{
	"acdc_member":          {{key: "id", kind: "queue"}},
	"acdc_queue":           {{key: "id", kind: "queue"}},
	"acdc_wait_time":       {{key: "id", kind: "queue"}},
	"audio_macro":          {{key: "macros", kind: "media", list: true}},
	"callflow":             {{key: "id", kind: "callflow"}},
	"check_cid":            {{key: "user_id", kind: "user"}},
	"cidlistmatch":         {{key: "id", kind: "list"}},
	"conference":           conference,
	"conference_feature":   conference,
	"device":               {{key: "id", kind: "device"}},
	"directory":            {{key: "id", kind: "directory"}},
	"dynamic_cid":          {{key: "id", kind: "list"}, {key: "media_id", kind: "media"}},
	"eavesdrop":            slices.Concat(approved, []referenceField{targetDevice, targetUser}),
	"eavesdrop_feature":    slices.Concat(approved, []referenceField{targetGroup}),
	"faxbox":               {{key: "id", kind: "faxbox"}, {key: "faxbox_id", kind: "faxbox"}},
	"function":             {{key: "id", kind: "function"}},
	"group":                {{key: "id", kind: "group"}},
	"group_pickup":         pickup,
	"group_pickup_feature": pickup,
	"hotdesk":              {{key: "id", kind: "user"}},
	"intercept":            pickup,
	"intercept_feature":    approved,
	"lookupcidname":        {{key: "lists", kind: "list", list: true}},
	"menu":                 {{key: "id", kind: "menu"}},
	"missed_call_alert":    recipients,
	"notification":         recipients,
	"page_group":           endpoints,
	"play":                 {{key: "id", kind: "media"}},
	"receive_fax":          {{key: "owner_id", kind: "user"}},
	"response":             {{key: "media", kind: "media"}},
	"ring_group":           endpoints,
	"ring_group_toggle":    {{key: "callflow_id", kind: "callflow"}},
	"temporal_route":       {{key: "rules", kind: "temporal_rule", list: true}, {key: "rule_set", kind: "temporal_rule_set"}},
	"user":                 {{key: "id", kind: "user"}},
	"voicemail":            {{key: "id", kind: "vmbox"}},
}
