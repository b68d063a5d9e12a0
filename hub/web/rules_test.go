package web_test

import (
	"fmt"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/api/apitest"
	"meguri/hub/bulk"
	"meguri/hub/fleet"
	"meguri/hub/people"
	"meguri/hub/quality"
	"meguri/hub/store"
	"meguri/protocol"
)

// From the file to the page: what a network says is an alarm is one, and whoever looks at the sensor reads by which rule.
func TestARuleOfTheNetworksFileIsAnAlarmOnThePage(t *testing.T) {
	h := open(t)
	h.Day(t)
	files := apitest.Network()
	files[bulk.RulesFile] = &fstest.MapFile{Data: []byte("temperature_category,leg,kind,minutes,min_celsius,max_celsius,ignore_start_minutes\n" +
		"precooled,station,instant,,,12,\nambient,station,consecutive,7,3,,\nprecooled,station,cumulative,30,,9,15\n")}
	n, err := bulk.ReadNetwork(files)
	require.NoError(t, err)
	ctx, token := t.Context(), h.Token(t, people.Quality)
	const sensor = "loc-003-fridge-1/air"
	var rows []store.ReadingRow
	for i := range 20 {
		milliC := int64(5000)
		if i == 7 {
			milliC = 12_500
		}
		rows = append(rows, store.ReadingRow{Number: uint64(i + 1), Boot: 1, Dated: fleet.Dated{At: apitest.Now.Add(time.Duration(i-20) * time.Minute)},
			Received: apitest.Now, Sensor: sensor, Samples: 1, MilliC: milliC, Min: milliC, Max: milliC})
	}
	require.NoError(t, h.Store.Change(ctx, func(tx *store.Tx) error {
		if _, err := tx.ImportNetwork(ctx, n); err != nil {
			return err
		}
		if err := tx.AddDevice(ctx, fleet.Device{ID: "station-rules", Place: "loc-003", Role: fleet.Station, AddedAt: apitest.Now}); err != nil {
			return err
		}
		if err := tx.SaveDeviceLog(ctx, "station-rules", fleet.Log{Incarnation: "r", Log: uint8(protocol.Readings), Next: 1, State: fleet.Current}); err != nil {
			return err
		}
		if err := quality.NewWatch().Readings(ctx, tx, apitest.Now, rows); err != nil {
			return err
		}
		return tx.AddReadings(ctx, "station-rules", "r", apitest.Now, rows)
	}))
	_, err = (&quality.Service{Store: h.Store}).JudgeDue(ctx, apitest.Now)
	require.NoError(t, err)
	list := get(h, "/alarms?lang=en", token).Body.String()
	require.Contains(t, list, "12.5 °C, limit 12.0 °C")
	page := get(h, "/readings?lang=en&sensor="+sensor, token).Body.String()
	for _, want := range []string{"above 12.0 °C: at once", "below 3.0 °C for 7 min at a stretch", "above 8.0 °C for 20 min at a stretch",
		"above 9.0 °C for 30 min in all, while goods of precooled are here; not the first 15 and the last 0 min"} {
		require.Contains(t, page, fmt.Sprintf("<li>%s</li>", want))
	}
	require.NotContains(t, page, "below 2.0 °C", "the network's own is in its place")
	require.Contains(t, get(h, "/readings?lang=ja&sensor="+sensor, token).Body.String(), "12.0 °C超：ただちに")
}
