package order

// maxLanding bounds the batches that are not durable yet while the next one is decided and stored: the disk syncs one, and with
// more the others would only be smaller.
const maxLanding = 2

// landing is a batch on its way to being durable.
type landing struct {
	ended chan struct{}
	err   error // once it has ended
}

// awaitRoom waits until one batch more may be on its way.
func (o *owner) awaitRoom() {
	if oldest := o.landings[0]; oldest != nil {
		<-oldest.ended
	}
}

// land answers jobs when what was decided for them is durable; stored tells. Those for which nothing was decided hear what is in the
// memory, so they wait for the batches that it was built from.
func (o *owner) land(jobs []*job, decisions []Decision, stored <-chan error) {
	before, l := o.builtOn, &landing{ended: make(chan struct{})}
	copy(o.landings[:], o.landings[1:])
	o.landings[maxLanding-1], o.builtOn = l, l
	go func() {
		defer close(l.ended)
		if before != nil {
			<-before.ended
			l.err = before.err
		}
		if stored != nil {
			l.err = <-stored // it is durable only with what came before
		}
		if l.err != nil {
			o.lost.Store(true)
		} else {
			o.service.committed(decisions)
		}
		answer(jobs, l.err)
	}()
}
