package capacity

// SetSearchNodes sets the bound of a search; with 0 orders are placed by extending alone.
func (b *Book) SetSearchNodes(n int) { b.nodes = n }
