package main

import (
	"bytes"
	"encoding/csv"
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/hub/people"
)

func TestTheTableOfRightsIsPrintedWhole(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, (&RightsCmd{Format: "csv"}).Run(&Globals{Stdout: &out}))
	rows, err := csv.NewReader(&out).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 1+len(people.Rights()))
	require.Equal(t, []string{"method", "path", "admin", "dispatcher", "quality", "warehouse", "driver", "shop", "kitting", "support", "customer", "system", "signed", "scope"}, rows[0])
	require.Contains(t, rows, []string{"POST", "/v1/quality/decisions", "", "", "sign", "", "", "", "", "", "", "", "always", ""})
	require.Contains(t, rows, []string{"GET", "/packing", "yes", "yes", "", "", "", "own", "", "", "", "", "", ""})

	require.NoError(t, (&RightsCmd{Format: "table"}).Run(&Globals{Stdout: &out}))
	require.Regexp(t, `(?m)^POST +/people/:id/reset +sign +- .*always +-$`, out.String())
	require.Regexp(t, `(?m)^GET +/login +all +all `, out.String())
}
