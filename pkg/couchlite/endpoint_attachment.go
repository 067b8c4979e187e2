package couchlite

func (q *request) serveAttachment(id, name string) error { return errMissing() }
