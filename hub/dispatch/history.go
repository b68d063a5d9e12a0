package dispatch

import "slices"

// Past is a dated container as it stood at some moment, as far as was known at some moment.
type Past struct {
	ContainerID string
	FridgeID    string
	SlotID      string
	ShopID      string
	Category    string
	RunID       string
	ShipperID   string
	AddressID   string
	Items       int // units that are numbered into it
	State       State
}

// Field is a field of Past that can differ between two looks.
type Field string

// The fields that can differ. A container keeps its shop and category for as long as it has its id.
const (
	FieldSlot    Field = "slot"
	FieldRun     Field = "run"
	FieldShipper Field = "shipper"
	FieldAddress Field = "address"
	FieldItems   Field = "items"
	FieldState   Field = "state"
)

// PastLine is a container in one look or in both. Then is nil for one that was not there, Now for one that is not any more.
type PastLine struct {
	Then, Now *Past
	Differs   []Field // what is not the same in both; empty when it stands in one look only
}

// Either is the container as it was then, else as it is now.
func (l PastLine) Either() Past {
	if l.Then != nil {
		return *l.Then
	}
	return *l.Now
}

// Same says whether nothing has changed.
func (l PastLine) Same() bool { return l.Then != nil && l.Now != nil && len(l.Differs) == 0 }

// Compare puts two looks at the same location and date side by side: the containers of then in their order, after them those
// that are new.
func Compare(then, now []Past) []PastLine {
	var lines []PastLine
	find := func(in []Past, id string) *Past {
		if i := slices.IndexFunc(in, func(p Past) bool { return p.ContainerID == id }); i >= 0 {
			return &in[i]
		}
		return nil
	}
	for i := range then {
		l := PastLine{Then: &then[i], Now: find(now, then[i].ContainerID)}
		if l.Now != nil {
			l.Differs = differs(*l.Then, *l.Now)
		}
		lines = append(lines, l)
	}
	for i := range now {
		if find(then, now[i].ContainerID) == nil {
			lines = append(lines, PastLine{Now: &now[i]})
		}
	}
	return lines
}

func differs(a, b Past) (fields []Field) {
	for _, f := range []struct {
		name Field
		same bool
	}{
		{FieldSlot, a.SlotID == b.SlotID}, {FieldRun, a.RunID == b.RunID}, {FieldShipper, a.ShipperID == b.ShipperID},
		{FieldAddress, a.AddressID == b.AddressID}, {FieldItems, a.Items == b.Items}, {FieldState, a.State == b.State},
	} {
		if !f.same {
			fields = append(fields, f.name)
		}
	}
	return fields
}
