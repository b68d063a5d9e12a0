package order

// Dates is how many dates the service holds in memory.
func (s *Service) Dates() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.owners)
}
