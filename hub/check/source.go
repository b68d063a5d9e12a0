package check

import (
	"context"
	"time"
)

// Source is one consistent view of the rows.
type Source interface {
	// Dates gives the dates that are not over at now, in order: those of delivery_dates and any other that an order, item or
	// container is dated.
	Dates(ctx context.Context, now time.Time) ([]string, error)
	Network(ctx context.Context) (Network, error)
	Day(ctx context.Context, date string) (Day, error)
	Rows
	Lookup
}

// Rows gives each row of a date to a function, in one pass, without keeping them. The order is: containers by sequence, the
// others as they come.
type Rows interface {
	Containers(ctx context.Context, date string, each func(Container)) error
	Orders(ctx context.Context, date string, each func(Order)) error
	Lines(ctx context.Context, date string, each func(Line)) error // of the date's orders
	Items(ctx context.Context, date string, each func(Item)) error // whose own date it is
}

// Lookup finds rows wherever they are dated. It is asked only where something is suspicious, so on clean data never.
type Lookup interface {
	Container(ctx context.Context, id string) (c Container, found bool, err error)
	Order(ctx context.Context, id string) (o Order, found bool, err error)
	Run(ctx context.Context, id string) (r Run, found bool, err error)
	// ItemsIn gives the items of containers, ItemsOf those of an order, Buyers the orders that hold units of a product on a date,
	// the last decided first and at most so many.
	ItemsIn(ctx context.Context, containers []string) ([]Item, error)
	ItemsOf(ctx context.Context, order string) ([]Item, error)
	Buyers(ctx context.Context, date, product string, most int) ([]string, error)
}
