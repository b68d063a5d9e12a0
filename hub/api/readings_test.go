package api_test

import (
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/hub/api/apitest"
	"meguri/hub/people"
)

const daySpan = "?sensor=loc-001-fridge-1/air&from=2026-11-30T09:00:00Z&to=2026-12-01T09:00:00Z"

// TestTheExportAndTheChartSayWhatTheListSays: all three are the same readings.
func TestTheExportAndTheChartSayWhatTheListSays(t *testing.T) {
	h := apitest.Open(t)
	h.Day(t)
	token := h.Token(t, people.Quality)
	var list struct {
		Readings []struct {
			At     string `json:"at"`
			MilliC *int64 `json:"milli_c"`
		} `json:"readings"`
	}
	require.NoError(t, json.Unmarshal(h.Do("GET", "/v1/readings"+daySpan, token, "").Body.Bytes(), &list))
	require.NotEmpty(t, list.Readings)
	rows, err := csv.NewReader(strings.NewReader(h.Do("GET", "/v1/readings/csv"+daySpan, token, "").Body.String())).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, len(list.Readings)+1)
	require.Equal(t, "at", rows[0][0])
	var chart struct {
		Min  *int64 `json:"limit_min_milli_c"`
		Bars []struct {
			Samples int    `json:"samples"`
			Low     *int64 `json:"min_milli_c"`
		} `json:"bars"`
	}
	w := h.Do("GET", "/v1/readings/chart"+daySpan, token, "")
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &chart))
	require.NotNil(t, chart.Min)
	samples, lowest, want := 0, int64(1<<62), int64(1<<62)
	for _, b := range chart.Bars {
		if samples += b.Samples; b.Low != nil {
			lowest = min(lowest, *b.Low)
		}
	}
	for i, r := range list.Readings {
		require.Equal(t, r.At, rows[i+1][0])
		if r.MilliC != nil {
			want = min(want, *r.MilliC)
		}
	}
	require.Equal(t, len(list.Readings), samples)
	require.Equal(t, want, lowest)
}
