package bulk_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/hub/bulk"
	"meguri/hub/storetest"
)

// withLimits are the files of the small network with all columns that may be missing.
func withLimits(product, slot string) map[string]string {
	files := storetest.Files()
	files[bulk.ProductsFile] = widened(files[bulk.ProductsFile], "price_yen,weight_g,length_mm,width_mm,height_mm,no_stacking", product)
	files[bulk.SlotsFile] = widened(files[bulk.SlotsFile], "max_weight_g,fill_percent,length_mm,width_mm,height_mm", slot)
	return files
}

// widened adds columns to each row: the values to the first, nothing to the others.
func widened(file, columns, values string) string {
	rows := strings.Split(strings.TrimSuffix(file, "\n"), "\n")
	for i := range rows {
		switch i {
		case 0:
			rows[i] += "," + columns
		case 1:
			rows[i] += "," + values
		default:
			rows[i] += strings.Repeat(",", strings.Count(columns, ",")+1)
		}
	}
	return strings.Join(rows, "\n") + "\n"
}

func TestLimitsThatNeedNotBeGivenAreNeutral(t *testing.T) {
	n, err := bulk.ReadNetwork(storetest.FS(withLimits("980,1200,300,200,100,true", "5000,80,400,300,200")))
	require.NoError(t, err)
	p, s := n.Products[0].V, n.Slots[0].V
	require.Equal(t, [6]int64{980, 1200, 300, 200, 100, 1}, [6]int64{p.PriceYen, p.WeightG, p.LengthMM, p.WidthMM, p.HeightMM, one(p.NoStacking)})
	require.Equal(t, [5]int64{5000, 80, 400, 300, 200}, [5]int64{s.MaxWeightG, s.FillPercent, s.LengthMM, s.WidthMM, s.HeightMM})
	plain := storetest.Network(t)
	require.Equal(t, plain.Products[1:], n.Products[1:], "an empty field limits nothing")
	require.Equal(t, plain.Slots[1:], n.Slots[1:])
	require.Empty(t, n.Notes)
}

func one(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}

func TestWrongLimitsAreToldByColumn(t *testing.T) {
	const product, slot = ",,,,,", ",,,,"
	for _, c := range []struct{ product, slot, want string }{
		{"-1,,,,,", slot, `products.csv, row 2, column price_yen: "-1": want a whole number from 0`},
		{"1.5,,,,,", slot, `products.csv, row 2, column price_yen: "1.5": want a whole number`},
		{",1 kg,,,,", slot, `products.csv, row 2, column weight_g: "1 kg": want a whole number`},
		{",,300,200,,", slot, `products.csv, row 2, column height_mm: want a number above 0, for the other measures are given`},
		{",,300,0,100,", slot, `products.csv, row 2, column width_mm: "0": want a number above 0`},
		{",,,,,yes", slot, `products.csv, row 2, column no_stacking: "yes": want`},
		{",,,,,true", slot, `products.csv, row 2, column no_stacking: "true": want length_mm, width_mm and height_mm with it`},
		{product, ",101,,,", `slots.csv, row 2, column fill_percent: "101": want a whole number from 0 to 100`},
		{product, "99999999,,,,", `slots.csv, row 2, column max_weight_g: "99999999": want a whole number`},
		{product, ",,400,,", `slots.csv, row 2, column width_mm: want a number above 0`},
	} {
		_, err := bulk.ReadNetwork(storetest.FS(withLimits(c.product, c.slot)))
		require.ErrorContains(t, err, c.want)
	}
	files := storetest.Files()
	files[bulk.SlotsFile] = strings.Replace(files[bulk.SlotsFile], "capacity_ml\nloc-1-f1-s1,loc-1-f1,1000", "capacity_ml,length_mm\nloc-1-f1-s1,loc-1-f1,1000,400", 1)
	files[bulk.SlotsFile] = strings.ReplaceAll(files[bulk.SlotsFile], ",1000\n", ",1000,\n")
	_, err := bulk.ReadNetwork(storetest.FS(files))
	require.ErrorContains(t, err, "slots.csv, row 2, column width_mm: want this column, for the other measures are given")
}
