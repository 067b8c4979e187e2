package schema

import "strings"

// reaches tells whether an action can ever go on at the child of that key.
// Every module falls back to "_"; those that end the call reach nothing. For a
// module whose keys are not known it returns true (contract 5.3).
func (n Node) reaches(key string) bool {
	switch n.Module {
	case "hangup", "response", "dead_air", "wait_for_hangup":
		return false
	case "menu":
		digits := key != "" && strings.Trim(key, "0123456789*#") == ""
		return digits || key == "_" || key == "timeout" || key == "max_retries" || key == "hangup"
	case "fax_detect":
		return key == "_" || key == "ON_FAX" || key == "ON_VOICE"
	case "cidlistmatch":
		return key == "_" || key == "match" || key == "nomatch"
	case "check_cid":
		return key == "_" || key == "match" || key == "nomatch" || n.Data["use_absolute_mode"] == true
	case "nomorobo":
		return key == "_" || plainDigits(key)
	}
	return key == "_" || !straight[n.Module]
}

// straight names the modules that only ever go on at "_".
var straight = map[string]bool{
	"after_bridge": true, "answer": true, "audio_macro": true, "call_forward": true, "call_waiting": true,
	"callflow": true, "collect_dtmf": true, "do_not_disturb": true, "dynamic_cid": true, "edr": true,
	"flush_dtmf": true, "function": true, "language": true, "lookupcidname": true, "manual_presence": true,
	"missed_call_alert": true, "noop": true, "notification": true, "page_group": true, "pivot": true, "play": true,
	"prepend_cid": true, "privacy": true, "record_call": true, "record_caller": true, "ring_group_toggle": true,
	"route_to_cid": true, "send_dtmf": true, "set": true, "set_alert_info": true, "set_cid": true,
	"set_variable": true, "set_variables": true, "sleep": true, "tts": true, "voicemail": true, "webhook": true,
}
