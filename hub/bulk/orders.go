package bulk

import (
	"io"
	"time"

	"meguri/hub/order"
)

// Known says what orders may refer to.
type Known struct {
	Products   map[string]bool
	Deliveries map[Visit]Taking
}

// Visit is a location's delivery on a date.
type Visit struct{ LocationID, Date string }

// Taking says until when a delivery takes orders.
type Taking struct {
	Cutoff time.Time
	Frozen bool // the numbering of the date is frozen: it takes none any more
}

// ReadOrders reads orders, one line a row; the rows of an order follow each other. It gives them in the file's order, each
// with the row of its first line, and notes of what was passed over. The error is *Problems when something is wrong.
func ReadOrders(file io.Reader, name string, known Known) (orders []Row[order.Request], notes []string, err error) {
	var problems Problems
	columns := []string{"order_id", "delivery_date", "customer_id", "location_id", "product_id", "quantity"}
	t := open(file, name, columns, &problems)
	t.rows(func(r *row) {
		one := order.Request{ID: r.id("order_id"), DeliveryDate: r.date("delivery_date"), CustomerID: r.id("customer_id"),
			LocationID: r.id("location_id")}
		line := order.Line{ProductID: r.id("product_id"), Quantity: r.number("quantity", 1, order.MaxQuantity)}
		if line.ProductID != "" && !known.Products[line.ProductID] {
			r.problem("product_id", "an imported product")
		}
		if n := len(orders); n > 0 && one.ID != "" && orders[n-1].V.ID == one.ID {
			r.sameOrder(orders[n-1].V, one)
			orders[n-1].V.Lines = append(orders[n-1].V.Lines, line)
			if len(orders[n-1].V.Lines) > order.MaxLines {
				r.problem("order_id", order.LinesWanted)
			}
			return
		}
		if one.ID != "" {
			r.unique("order_id", one.ID)
		}
		if _, ok := known.Deliveries[Visit{one.LocationID, one.DeliveryDate}]; !ok && one.LocationID != "" && one.DeliveryDate != "" {
			r.problem("location_id", "a location with an imported delivery on "+one.DeliveryDate)
		}
		one.Lines = []order.Line{line}
		orders = append(orders, Row[order.Request]{r.line, one})
	})
	return orders, t.notes, problems.err()
}

// sameOrder wants a further line of an order to agree with its first.
func (r *row) sameOrder(first, this order.Request) {
	if this.DeliveryDate != first.DeliveryDate {
		r.problem("delivery_date", first.DeliveryDate+" as in the order's row before")
	}
	if this.CustomerID != first.CustomerID {
		r.problem("customer_id", first.CustomerID+" as in the order's row before")
	}
	if this.LocationID != first.LocationID {
		r.problem("location_id", first.LocationID+" as in the order's row before")
	}
}
