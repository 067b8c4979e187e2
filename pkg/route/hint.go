package route

// Look has the changes of an account read now, if its index is in memory. It is
// called on a hint that somebody may have changed the account. However many hints
// come while it reads, it reads once more after them.
func (s *Indexes) Look(accountID string) {
	if l := s.held(accountID); l != nil {
		l.changed(false)
	}
}
