package api

// addSound: the media document has no file, and a request without one is
// refused.
func (m matrix) addSound(a string) {
	m.add(relatives, 200, "GET "+a+"/vmboxes/messages", "GET "+a+"/vmboxes/{document_id}/messages")
	m.add(relatives, 404, "GET "+a+"/media/{document_id}/raw")
	m.add(relatives, 400, "POST "+a+"/media/{document_id}/raw")
}

// addSoundExamples hears and uploads what the stage has.
func addSoundExamples(out map[string]example) {
	media := map[string]string{"document_id": "media"}
	out["GET "+acct+"/vmboxes/{document_id}/messages"] = example{replace: map[string]string{"document_id": "vmboxes"}}
	out["POST "+acct+"/media/{document_id}/raw"] = example{replace: media, body: "ID3", kind: "audio/mp3"}
	out["GET "+acct+"/media/{document_id}/raw"] = example{replace: media}
}
