package route

// Look has the changes of an account read now, if its index is in memory: a
// hint that somebody may have changed it. Hints that come while that happens
// make it happen once more, however many they are.
func (s *Indexes) Look(accountID string) {
	s.mu.RLock()
	l := s.accounts[accountID]
	s.mu.RUnlock()
	if l != nil {
		l.changed(false)
	}
}
