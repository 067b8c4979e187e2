package couchlite

import (
	"regexp"
	"testing"
)

// TestViewAnswers compares answers about views with those of CouchDB 3.5.0, as
// TestAnswers does for documents. Record with -update and COUCHDB_URL.
func TestViewAnswers(t *testing.T) {
	references := regexp.MustCompile(`,"ref":\d+`)
	holdAnswers(t, "testdata/view-requests.txt", "testdata/view-answers.txt", func(line string) string {
		return references.ReplaceAllString(line, "")
	})
}
