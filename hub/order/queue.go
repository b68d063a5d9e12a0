package order

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

const (
	// maxWaiting bounds the tasks that wait for a date: more than a flash sale has clients, and some seconds of work.
	maxWaiting = 4096
	// maxBatch bounds the decisions of one transaction, so that nobody waits long for the others.
	maxBatch = 1024
	// maxTries bounds how often a batch is decided again because others have written. Each time somebody got on.
	maxTries = 100
	// commitWithin bounds one transaction. What hangs longer is of unknown outcome.
	commitWithin = 30 * time.Second
)

// task is something to be decided on a date.
type task interface {
	// decide decides in memory and fills in the answer. It may be called again, on another memory.
	decide(o *owner, b *batch)
	// size is how many decisions it makes at most.
	size() int
	// current says whether it has to see what others have written.
	current() bool
}

// batch is what is decided and goes into one transaction.
type batch struct{ decisions []Decision }

// job is a task and who waits for it.
type job struct {
	ctx  context.Context
	task task
	done chan error
}

// owner holds one delivery date in memory. Tasks queue up; a goroutine takes whatever is waiting, decides it in the order of
// arrival, commits it in one transaction, and only then answers. It ends when nothing is waiting.
type owner struct {
	date    string
	service *Service

	mu      sync.Mutex
	waiting []*job
	busy    bool // somebody serves
	gathering

	memory // of whoever serves
}

// do has a task decided, and waits until that is durable. When ctx ends first, it is not known whether it will be.
func (o *owner) do(ctx context.Context, t task) error {
	j := &job{ctx: ctx, task: t, done: make(chan error, 1)}
	o.mu.Lock()
	if len(o.waiting) >= maxWaiting {
		o.mu.Unlock()
		return fmt.Errorf("%w: %d wait for %s", ErrBusy, maxWaiting, o.date)
	}
	o.waiting = append(o.waiting, j)
	o.arrived()
	if !o.busy {
		o.busy = true
		go o.serve()
	}
	o.mu.Unlock()
	select {
	case err := <-j.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// idle says whether nobody waits and nobody serves.
func (o *owner) idle() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return !o.busy
}

func (o *owner) serve() {
	for {
		o.gather()
		jobs := o.next()
		if jobs == nil {
			return
		}
		o.settle(jobs)
	}
}

// next takes what is waiting, up to a batch. With nothing it gives up the service.
func (o *owner) next() []*job {
	o.mu.Lock()
	defer o.mu.Unlock()
	n, decisions := 0, 0
	for n < len(o.waiting) && (n == 0 || decisions+o.waiting[n].task.size() <= maxBatch) {
		decisions += o.waiting[n].task.size()
		n++
	}
	if n == 0 {
		o.waiting, o.busy, o.expected = nil, false, 0
		return nil
	}
	jobs := o.waiting[:n:n]
	o.waiting = o.waiting[n:]
	return jobs
}

// settle decides jobs and answers them. What cannot be stored for a reason of its own does not fail its neighbours: then each is
// decided alone.
func (o *owner) settle(jobs []*job) {
	live := jobs[:0]
	for _, j := range jobs {
		if err := j.ctx.Err(); err != nil {
			j.done <- err // nobody waits for it any more
			continue
		}
		live = append(live, j)
	}
	if len(live) == 0 {
		return
	}
	err := o.attempts(live)
	o.expect(len(live))
	if !errors.Is(err, ErrRejected) || len(live) == 1 {
		answer(live, err)
		return
	}
	for i, j := range live {
		err := o.attempts(live[i : i+1])
		if err != nil && !errors.Is(err, ErrRejected) {
			answer(live[i:], err) // the database itself has failed
			return
		}
		j.done <- err
	}
}

func answer(jobs []*job, err error) {
	for _, j := range jobs {
		j.done <- err
	}
}

// attempts decides and stores jobs, again and again while others come first.
func (o *owner) attempts(jobs []*job) error {
	for range maxTries {
		err := o.attempt(jobs)
		var taken *TakenError
		switch {
		case errors.Is(err, ErrStale):
		case errors.As(err, &taken):
			o.remember(taken)
		case errors.Is(err, ErrNoDelivery):
			o.service.forget(o)
			return err
		default:
			return err
		}
	}
	return fmt.Errorf("%w: others keep changing %s", ErrBusy, o.date)
}

func (o *owner) attempt(jobs []*job) error {
	ctx, cancel := context.WithTimeout(context.Background(), commitWithin) // those who wait may leave; the others go on
	defer cancel()
	for _, j := range jobs {
		if j.task.current() {
			if err := o.refresh(ctx, o.service.store, o.date); err != nil {
				return err
			}
			break
		}
	}
	if err := o.load(ctx, o.service.store, o.date); err != nil {
		return err
	}
	if o.broken != nil {
		defer o.drop() // who mends a row by hand raises no mark, so that a broken date is looked at anew each time
	}
	var b batch
	for _, j := range jobs {
		j.task.decide(o, &b)
	}
	if len(b.decisions) == 0 {
		return o.agrees(ctx, jobs)
	}
	if err := o.commit(ctx, b); err != nil {
		o.drop() // also when the commit itself failed it may have happened: only the database knows
		return err
	}
	o.service.committed(b.decisions)
	return nil
}

// agrees is ErrStale when somebody else has written since what nothing came of was decided: where nothing is committed, no commit tells. A
// refusal would be about an order as it was, or that another hub has taken and this one does not know yet.
func (o *owner) agrees(ctx context.Context, jobs []*job) error {
	acts := slices.ContainsFunc(jobs, func(j *job) bool {
		_, is := j.task.(interface{ find(*owner) *Standing })
		return is
	})
	if !acts || o.book == nil {
		return nil
	}
	if err := o.refresh(ctx, o.service.store, o.date); err != nil {
		return err
	}
	if o.book == nil {
		return ErrStale
	}
	return nil
}

func (o *owner) commit(ctx context.Context, b batch) error {
	to := Mark{Epoch: o.mark.Epoch, Revision: o.mark.Revision + 1, Frozen: o.mark.Frozen}
	if !o.owns {
		to.Epoch++
	}
	known := o.service.knownAt(o.known, b.decisions)
	err := o.service.store.Change(ctx, func(tx Tx) error {
		raised, err := tx.RaiseDate(ctx, o.date, o.mark, to, known)
		if err != nil {
			return err
		}
		if !raised {
			return ErrStale
		}
		return tx.AddDecisions(ctx, b.decisions, known)
	})
	if err != nil {
		return fmt.Errorf("store what was decided for %s: %w", o.date, err)
	}
	o.mark, o.owns, o.known = to, true, known
	return nil
}
