package people

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheMatrixShowsEveryRouteAndRoleAsTheTableHasIt(t *testing.T) {
	rows, table := Matrix(), NewTable(Rights())
	require.Len(t, rows, len(Rights()))
	for _, row := range rows {
		right := table[row.Method+" "+row.Path]
		require.Len(t, row.Cells, len(Roles()))
		for i, role := range Roles() {
			want := CellNo
			switch {
			case right.Public:
				want = CellAll
			case !slices.Contains(right.Roles, role):
			case right.Sign != nil:
				want = CellSign
			case right.Own[role] != "":
				want = CellOwn
			default:
				want = CellYes
			}
			require.Equal(t, want, row.Cells[i], "%s %s", role, right.Route)
		}
	}
	at := func(method, path string) int {
		return slices.IndexFunc(rows, func(r Row) bool { return r.Method == method && r.Path == path })
	}
	require.Equal(t, "do=released|condemned", rows[at("POST", "/quality")].Signed)
	require.Equal(t, "always", rows[at("POST", "/v1/quality/decisions")].Signed)
	require.Less(t, at("POST", "/quality"), at("GET", "/v1/alarms"), "pages first")
}
