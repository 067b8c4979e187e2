package couchlite

import "net/http"

// viewSet is the view engine's state of one database.
type viewSet struct{}

func newViewSet(*database) *viewSet { return &viewSet{} }

func (*viewSet) close() {}

func (*viewSet) drop() error { return nil }

func (db *database) serveView(http.ResponseWriter, *http.Request, string, string, bool) error {
	return errMissing()
}

func (db *database) serveDesignInfo(http.ResponseWriter, *http.Request, string) error {
	return errMissing()
}

func (db *database) checkDesign([]byte) error { return nil }
