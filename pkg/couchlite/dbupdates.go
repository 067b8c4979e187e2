package couchlite

// databaseUpdates serves /_db_updates.
func (q *request) databaseUpdates() error { return errMissing() }
