package schema

import (
	"strconv"
	"strings"
	"testing"
)

func TestWhatOnlyOldKazooAccepts(t *testing.T) {
	const flow = `{"numbers":["1"],"flow":{"module":"missed_call_alert","data":{"recipients":[%]}}}`
	tests := []struct {
		name, recipients string
		refused          string // path and code, "" for none
		warned           string
	}{
		{"an address", `{"type":"email","id":"a@example.com"}`, "", ""},
		{"addresses", `{"type":"email","id":["a@example.com","b@example.com"]}`, "", ""},
		{"a user", `{"type":"user","id":"463e7431cd7248dea28645c267b03262"}`, "", "flow.data.recipients.0.id not_one_schema_valid"},
		{"users", `{"type":"user","id":["u"]}`, "", "flow.data.recipients.0.id not_one_schema_valid"},
		{"no address yet", `{"type":"email","id":""}`, "", "flow.data.recipients.0.id not_one_schema_valid"},
		{"the second", `{"type":"email","id":"a@b"},{"type":"user","id":"u"}`, "", "flow.data.recipients.1.id not_one_schema_valid"},
		{"a number", `{"type":"user","id":7}`, "flow.data.recipients.0.id not_one_schema_valid", ""},
		{"neither accepts", `{"type":"fax","id":"a@b"}`, "flow.data.recipients.0.type enum", ""},
		{"without id", `{"type":"user"}`, "flow.data.recipients.0.id required", ""},
	}
	r := embedded(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := doc(t, strings.Replace(flow, "%", tt.recipients, 1))
			_, vs := r.Validate("callflows", in)
			if got := strings.Join(summary(vs), " "); got != tt.refused {
				t.Errorf("refused for %q, want %q", got, tt.refused)
			}
			if tt.refused != "" {
				return
			}
			ws := r.Advise("callflows", in)
			if got := strings.Join(summary(ws), " "); got != tt.warned {
				t.Errorf("warned of %q, want %q", got, tt.warned)
			}
			if tt.warned != "" && !strings.Contains(ws[0].Message, "Kazoo 5.x") {
				t.Errorf("the warning does not say whose it is: %s", ws[0].Message)
			}
		})
	}
}

// TestRefusedDocumentsSayMore holds that a document that is refused anyway
// comes with all that Kazoo 5.x says to it.
func TestRefusedDocumentsSayMore(t *testing.T) {
	_, vs := embedded(t).Validate("callflows", doc(t, `{"name":7,"flow":{"module":"missed_call_alert","data":{"recipients":[{"type":"user","id":"u"}]}}}`))
	if got := strings.Join(summary(vs), ", "); got != "flow.data.recipients.0.id not_one_schema_valid, name type" {
		t.Error(got)
	}
}

func TestOldKazooInOtherDocuments(t *testing.T) {
	r := embedded(t)
	in := doc(t, `{"name":"x","provision":{"endpoint_model":7}}`)
	if _, vs := r.Validate("devices", in); len(vs) > 0 {
		t.Error(vs)
	}
	if got := strings.Join(summary(r.Advise("devices", in)), " "); got != "provision.endpoint_model not_one_schema_valid" {
		t.Error(got)
	}
}

// TestManyThatOnlyOldKazooAccepts counts the work for very many of them.
func TestManyThatOnlyOldKazooAccepts(t *testing.T) {
	const many = 50_000
	var recipients strings.Builder
	for i := range many {
		recipients.WriteString(`{"type":"user","id":"` + strconv.Itoa(i) + `"},`)
	}
	in := doc(t, `{"flow":{"module":"missed_call_alert","data":{"recipients":[`+strings.TrimSuffix(recipients.String(), ",")+`]}}}`)
	r := embedded(t)
	v := run{reg: r}
	copied, _ := v.start(map[string]any(in))
	v.check(r.nodes["callflows"], copied)
	if v.exhausted || v.steps > 25*many || len(v.newer) > maxFits {
		t.Errorf("%d steps, %d noted, exhausted %v", v.steps, len(v.newer), v.exhausted)
	}
	if ws := r.Advise("callflows", in); len(ws) != maxWarnings {
		t.Errorf("%d warnings", len(ws))
	}
}
