package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/firmware-sim/hubclient"
)

func TestTheInventedAreTheSameEachTimeAndDifferFromOneAnother(t *testing.T) {
	phones, emails, names := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for i := range 400 {
		s := invented(i)
		require.Equal(t, s, invented(i))
		require.NotContains(t, phones, s.phone)
		require.NotContains(t, emails, s.email)
		phones[s.phone], emails[s.email], names[s.name] = true, true, true
	}
	require.Greater(t, len(names), 300, "names are hardly ever shared")
}

func TestEachCustomerOfADayIsInventedOnce(t *testing.T) {
	require.Equal(t, []string{"a", "b"}, customersOf([]hubclient.OrderRequest{{CustomerID: "b"}, {CustomerID: "a"}, {}, {CustomerID: "b"}}))
}
