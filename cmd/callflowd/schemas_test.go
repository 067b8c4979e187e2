package main

import (
	"context"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/schema"
)

// A site's own schema comes into force while the program runs, a broken one
// is reported, and what it would replace stays.
func TestSiteSchemasAreFollowed(t *testing.T) {
	embedded, err := schema.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	client := couchtest.New(t)
	if err := client.CreateDB(t.Context(), "system_schemas"); err != nil {
		t.Fatal(err)
	}
	db := client.DB("system_schemas")
	core, logs := observer.New(zap.WarnLevel)
	site := &siteSchemas{embedded, schema.NewLive(embedded), db, zap.New(core)}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); site.follow(ctx) }()
	defer func() { cancel(); <-done }()

	own := couchtest.JSON[document.Doc](t, `{"_id":"callflows.own","type":"object","required":["key"],"$schema":"http://json-schema.org/draft-04/schema#"}`)
	broken := couchtest.JSON[document.Doc](t, `{"_id":"callflows.menu","type":"nonsense"}`)
	for _, doc := range []document.Doc{broken, own} {
		if err := db.Put(t.Context(), doc); err != nil {
			t.Fatal(err)
		}
	}
	couchtest.Eventually(t, "the schema is in force", func() bool { _, known := site.live.Schema("callflows.own"); return known })
	if _, violations := site.live.Validate("callflows.own", document.Doc{}); len(violations) != 1 {
		t.Errorf("violations %v, want the missing key", violations)
	}
	if menu, _ := site.live.Schema("callflows.menu"); menu["type"] != "object" {
		t.Errorf("the broken schema is in force: %v", menu)
	}
	if logs.Len() == 0 || logs.All()[0].ContextMap()["schema"] != "callflows.menu" {
		t.Errorf("the broken schema is not reported: %v", logs.All())
	}
}
