package api

import "meguri/hub/dispatch"

type doNotLoadJSON struct {
	Kind   string `json:"kind"`
	Reason string `json:"reason"`
}

// toDoNotLoad is nil where nothing is wrong.
func toDoNotLoad(b dispatch.Broken) *doNotLoadJSON {
	if !b.Yes() {
		return nil
	}
	return &doNotLoadJSON{b.Kind, b.Text}
}

func toPackedProduct(p dispatch.PackedProduct) packedProductJSON {
	return packedProductJSON{ProductID: p.ProductID, Name: p.Name, GTIN: p.GTIN, Units: p.Units, Short: p.Short,
		DoNotPack: p.Barred, DoNotLoad: toDoNotLoad(p.Broken)}
}

type lostUnitsJSON struct {
	ContainerID string `json:"container_id"`
	Reason      string `json:"reason"`
	ProductID   string `json:"product_id"`
	Name        string `json:"name"`
	Units       int    `json:"units"`
}

func toLost(lines []dispatch.PackingLine) (all []lostUnitsJSON) {
	for _, l := range lines {
		for _, p := range l.Products {
			all = append(all, lostUnitsJSON{l.ID, l.Broken.Text, p.ProductID, p.Name, p.Units})
		}
	}
	return all
}
