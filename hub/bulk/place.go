package bulk

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"time"

	"meguri/hub/capacity"
	"meguri/hub/order"
)

// Orders is the order service as PlaceOrders needs it; *order.Service is one.
type Orders interface {
	Get(ctx context.Context, id string) (order.Order, error)
	PlaceGroup(ctx context.Context, arrivals []order.Arrival) ([]order.Result, error)
}

// Placed is what became of the orders of a file.
type Placed struct {
	Outcomes []order.Outcome // in the file's order
	New      int             // decided now; the others had been before
	Movers   int             // of New, those for which others had to be somewhere else
	Moves    int             // items and containers that had to
}

// PlaceOrders places the orders of a file in its order, many in a transaction, each as if it had arrived now, or just before the
// cutoff of its delivery where that is over. Those that were decided before keep their outcome. Before anything is placed it returns *Problems
// for ids that belong to orders with other content and for new orders whose date is frozen. After any other error the file
// can be placed again: it goes on where it stopped.
func PlaceOrders(ctx context.Context, service Orders, file string, rows []Row[order.Request], known Known, by string,
	now time.Time) (Placed, error) {
	p := Placed{Outcomes: make([]order.Outcome, len(rows))}
	fresh, err := p.skipDecided(ctx, service, file, rows, known)
	if err != nil {
		return p, err
	}
	for len(fresh) > 0 {
		date := rows[fresh[0]].V.DeliveryDate
		var arrivals []order.Arrival
		for _, i := range fresh[:min(len(fresh), order.MaxGroup)] {
			r := rows[i].V
			if r.DeliveryDate != date {
				break
			}
			at := known.Deliveries[Visit{r.LocationID, r.DeliveryDate}].Cutoff.Add(-time.Millisecond)
			if now.Before(at) {
				at = now
			}
			arrivals = append(arrivals, order.Arrival{Request: r, At: at, By: by})
		}
		results, err := service.PlaceGroup(ctx, arrivals)
		if err != nil {
			return p, err
		}
		for n, result := range results {
			i := fresh[n]
			if result.Err != nil {
				return p, fmt.Errorf("%s, row %d: order %s: %w", file, rows[i].Line, rows[i].V.ID, result.Err)
			}
			p.Outcomes[i] = result.Outcome
			if !result.Outcome.Repeated {
				p.New++
				p.Moves += result.Moves()
				p.Movers += min(1, result.Moves())
			}
		}
		fresh = fresh[len(arrivals):]
	}
	return p, nil
}

// skipDecided fills in what was decided before and gives the indexes of the others.
func (p *Placed) skipDecided(ctx context.Context, service Orders, file string, rows []Row[order.Request], known Known) (
	[]int, error) {
	var problems Problems
	var fresh []int
	for i, r := range rows {
		stored, err := service.Get(ctx, r.V.ID)
		switch {
		case errors.Is(err, order.ErrNotFound):
			if known.Deliveries[Visit{r.V.LocationID, r.V.DeliveryDate}].Frozen {
				problems.add(Problem{file, r.Line, "delivery_date", r.V.DeliveryDate, "a date whose numbering is not frozen"})
			}
			fresh = append(fresh, i)
		case err != nil:
			return nil, err
		case !stored.Same(r.V):
			problems.add(Problem{file, r.Line, "order_id", r.V.ID, "an id that no order with other content has"})
		default:
			p.Outcomes[i] = stored.Outcome()
		}
	}
	return fresh, problems.err()
}

// Accepted counts the accepted orders.
func (p Placed) Accepted() int {
	n := 0
	for _, o := range p.Outcomes {
		if o.Accepted() {
			n++
		}
	}
	return n
}

// Refused counts the orders that a limit refused.
func (p Placed) Refused(limit capacity.Limit) int {
	n := 0
	for _, o := range p.Outcomes {
		if !o.Accepted() && o.Limit == limit {
			n++
		}
	}
	return n
}

// Write writes the outcomes as CSV with the columns order_id, delivery_date, outcome (accepted or refused) and limit.
func (p Placed) Write(w io.Writer) error {
	out := csv.NewWriter(w)
	if err := out.Write([]string{"order_id", "delivery_date", "outcome", "limit"}); err != nil {
		return err
	}
	for _, o := range p.Outcomes {
		outcome := order.Accepted
		if !o.Accepted() {
			outcome = order.Refused
		}
		if err := out.Write([]string{o.OrderID, o.DeliveryDate, string(outcome), string(o.Limit)}); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}
