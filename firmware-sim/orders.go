package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"

	"meguri/firmware-sim/hubclient"
)

// orderColumns are what readOrders needs of an orders.csv.
var orderColumns = []string{"order_id", "delivery_date", "location_id", "customer_id", "product_id", "quantity"}

// readOrders reads the orders of one date from an orders.csv; of the first date in it when none is given. Lines of an order
// follow one another. It is an error when there is none: a day without orders shows nothing.
func readOrders(file, date string) (string, []hubclient.OrderRequest, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", nil, err
	}
	defer func() { _ = f.Close() }() // only read
	r := csv.NewReader(f)
	head, err := r.Read()
	if err != nil {
		return "", nil, fmt.Errorf("%s: %w", file, err)
	}
	for _, name := range orderColumns {
		if !slices.Contains(head, name) {
			return "", nil, fmt.Errorf("%s: column %q is missing", file, name)
		}
	}
	var orders []hubclient.OrderRequest
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) && len(orders) == 0 {
			return "", nil, fmt.Errorf("%s: no order for %q", file, date)
		}
		if errors.Is(err, io.EOF) {
			return date, orders, nil
		}
		if err != nil {
			return "", nil, fmt.Errorf("%s: %w", file, err)
		}
		at := func(name string) string { return row[slices.Index(head, name)] }
		if date == "" {
			date = at("delivery_date")
		}
		if at("delivery_date") != date {
			continue
		}
		quantity, err := strconv.Atoi(at("quantity"))
		if err != nil || quantity < 1 {
			line, _ := r.FieldPos(slices.Index(head, "quantity"))
			return "", nil, fmt.Errorf("%s line %d: quantity %q: want a number from 1", file, line, at("quantity"))
		}
		line := hubclient.OrderLine{ProductID: at("product_id"), Quantity: quantity}
		if n := len(orders); n > 0 && orders[n-1].OrderID == at("order_id") {
			orders[n-1].Lines = append(orders[n-1].Lines, line)
			continue
		}
		orders = append(orders, hubclient.OrderRequest{OrderID: at("order_id"), DeliveryDate: date,
			LocationID: at("location_id"), CustomerID: at("customer_id"), Lines: []hubclient.OrderLine{line}})
	}
}
