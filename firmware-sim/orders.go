package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"meguri/firmware-sim/hubclient"
)

// readOrders reads the orders of one date from an orders.csv; of the first date in it when none is given.
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
	column := map[string]int{}
	for i, name := range head {
		column[name] = i
	}
	var orders []hubclient.OrderRequest
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return date, orders, nil
		}
		if err != nil {
			return "", nil, fmt.Errorf("%s: %w", file, err)
		}
		at := func(name string) string { return row[column[name]] }
		if date == "" {
			date = at("delivery_date")
		}
		if at("delivery_date") != date {
			continue
		}
		quantity, err := strconv.Atoi(at("quantity"))
		if err != nil {
			return "", nil, fmt.Errorf("%s: quantity %q: want a number", file, at("quantity"))
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
