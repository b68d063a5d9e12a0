package dispatch

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// EditionKind says whose paper an edition is.
type EditionKind string

// Kinds of edition.
const (
	OfRun  EditionKind = "run"  // a driver's sheet
	OfShop EditionKind = "shop" // a packing list
)

// Edition is a version of a sheet or packing list as it was handed out. The first is made when numbering is frozen; each further
// one replaces the one before, by an exception that somebody answers for.
type Edition struct {
	Kind    EditionKind
	ThingID string // run or shop
	Date    string
	Version int
	MadeAt  time.Time
	MadeBy  string // person
	Reason  string
	Content Content
}

// Content is what an edition says, without the codes of locks, and without what becomes of the boxes.
type Content struct {
	VehicleID string        `json:"vehicle_id,omitempty"`
	DriverID  string        `json:"driver_id,omitempty"`
	Stops     []ContentStop `json:"stops,omitempty"`
	Codes     []ContentCode `json:"codes,omitempty"` // for which locks the driver has codes, by location
	Rows      []ContentRow  `json:"rows"`
}

// ContentCode says which grant's code opens a location's locks for the driver. The code itself is on the sheet only.
type ContentCode struct {
	LocationID string `json:"location_id"`
	GrantID    string `json:"grant_id"`
}

// ContentStop is a stop of a run.
type ContentStop struct {
	Sequence  int       `json:"sequence"`
	Kind      StopKind  `json:"kind"`
	PlaceID   string    `json:"place_id"`
	PlannedAt time.Time `json:"planned_at"`
}

// ContentRow is a container.
type ContentRow struct {
	ContainerID string           `json:"container_id"`
	ShopID      string           `json:"shop_id"`
	Category    string           `json:"category"`
	AddressID   string           `json:"address_id"`
	RunID       string           `json:"run_id"`
	ShipperID   string           `json:"shipper_id"`
	LocationID  string           `json:"location_id"`
	SlotID      string           `json:"slot_id"`
	DoNotLoad   string           `json:"do_not_load,omitempty"` // why it stays behind; empty for one that goes
	Products    []ContentProduct `json:"products"`
}

// ContentProduct is units of a product in a container.
type ContentProduct struct {
	ProductID string `json:"product_id"`
	Units     int    `json:"units"`
}

// Encode is the content as stored, and its hash: SHA-256 in hexadecimal. The same content has the same bytes.
func (c Content) Encode() (text, hash string, err error) {
	slices.SortFunc(c.Rows, func(a, b ContentRow) int { return cmp.Compare(a.ContainerID, b.ContainerID) })
	body, err := json.Marshal(c)
	if err != nil {
		return "", "", fmt.Errorf("content of a sheet: %w", err)
	}
	sum := sha256.Sum256(body)
	return string(body), hex.EncodeToString(sum[:]), nil
}

// DecodeContent reads stored content.
func DecodeContent(text string) (c Content, err error) {
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return c, fmt.Errorf("stored content of a sheet: %w", err)
	}
	return c, nil
}

// Difference is one thing in which an edition differs from the one that it replaces.
type Difference struct {
	ContainerID string // empty for the run itself
	Field       string // "container" when it is new or gone; else address, shipper, run, location, slot, do_not_load, products, vehicle, driver, stops, code
	Was, Is     string // empty for nothing
}

// Since says in what the content differs from an earlier one, by container.
func (c Content) Since(before Content) []Difference {
	var all []Difference
	note := func(container, field, was, is string) {
		if was != is {
			all = append(all, Difference{container, field, was, is})
		}
	}
	note("", "vehicle", before.VehicleID, c.VehicleID)
	note("", "driver", before.DriverID, c.DriverID)
	note("", "stops", stopsText(before.Stops), stopsText(c.Stops))
	for _, l := range c.newCodes(before) {
		note("", "code", "", l)
	}
	was := map[string]ContentRow{}
	for _, r := range before.Rows {
		was[r.ContainerID] = r
	}
	for _, r := range c.Rows {
		b, there := was[r.ContainerID]
		delete(was, r.ContainerID)
		if !there {
			note(r.ContainerID, "container", "", r.way())
			continue
		}
		note(r.ContainerID, "address", b.AddressID, r.AddressID)
		note(r.ContainerID, "run", b.RunID, r.RunID)
		note(r.ContainerID, "shipper", b.ShipperID, r.ShipperID)
		note(r.ContainerID, "slot", b.SlotID, r.SlotID)
		note(r.ContainerID, "do_not_load", b.DoNotLoad, r.DoNotLoad)
		note(r.ContainerID, "products", productsText(b.Products), productsText(r.Products))
	}
	for id, b := range was {
		note(id, "container", b.way(), "")
	}
	slices.SortStableFunc(all, func(a, b Difference) int { return cmp.Compare(a.ContainerID, b.ContainerID) })
	return all
}

// newCodes are the locations that another code opens than before. What was made before sheets had codes says nothing of them.
func (c Content) newCodes(before Content) (locations []string) {
	for _, code := range c.Codes {
		if len(before.Codes) > 0 && !slices.Contains(before.Codes, code) {
			locations = append(locations, code.LocationID)
		}
	}
	return locations
}

func (r ContentRow) way() string { return r.AddressID + " → " + r.ShipperID + " → " + r.SlotID }

func productsText(of []ContentProduct) string {
	all := make([]string, len(of))
	for i, p := range of {
		all[i] = fmt.Sprintf("%d × %s", p.Units, p.ProductID)
	}
	return strings.Join(all, ", ")
}

func stopsText(of []ContentStop) string {
	all := make([]string, len(of))
	for i, s := range of {
		all[i] = fmt.Sprintf("%d %s %s", s.Sequence, s.Kind, s.PlaceID)
	}
	return strings.Join(all, ", ")
}

// Confirmation is a driver's word that they have the newest sheet of their run.
type Confirmation struct {
	RunID       string
	Version     int // the newest
	MadeAt      time.Time
	Replaces    int       // the version that was confirmed last, else the first; 0 for the first one itself
	ConfirmedBy string    // person; empty while nobody has
	ConfirmedAt time.Time // zero while nobody has
}

// Due says whether somebody has to confirm: the first version is handed out to everybody, each further one has to be seen.
func (c Confirmation) Due() bool { return c.Replaces > 0 && c.ConfirmedAt.IsZero() }
