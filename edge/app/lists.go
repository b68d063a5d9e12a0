package app

import (
	"encoding/json"
	"fmt"
	"os"

	"meguri/edge/warehouse"
	"meguri/protocol"
)

// Lists are a warehouse's lists from a file, as the hub's plan has them.
type Lists struct {
	Warehouse protocol.WarehousePlan `json:"warehouse"`
	Items     []protocol.KnownItem   `json:"items"`
}

// ReadLists reads lists in JSON, with the names of fields that the protocol has. An unknown one is an error.
func ReadLists(file string) (*Lists, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("lists: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	var l Lists
	d := json.NewDecoder(f)
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil {
		return nil, fmt.Errorf("lists %s: %w", file, err)
	}
	if len(l.Warehouse.Operators) == 0 || len(l.Warehouse.Stations) == 0 {
		return nil, fmt.Errorf("lists %s: warehouse: want Operators and Stations, for without a badge and a station's card nothing can be scanned", file)
	}
	return &l, nil
}

func (l Lists) book(k Kit) *warehouse.Book {
	p := l.Warehouse
	if k.Warehouse != nil {
		p.Position = k.Warehouse.Position
	}
	return warehouse.NewBook(p, []protocol.ItemsPlan{{Position: p.Position, Items: l.Items}})
}
