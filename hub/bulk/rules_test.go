package bulk_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/bulk"
	"meguri/hub/coldchain"
	"meguri/hub/storetest"
)

const ruleHeader = "temperature_category,leg,kind,minutes,min_celsius,max_celsius,deadband_celsius,on_delay_minutes,off_delay_minutes,ignore_start_minutes,ignore_end_minutes\n"

func withRules(rows string) map[string]string {
	files := storetest.Files()
	files[bulk.RulesFile] = ruleHeader + rows
	return files
}

func TestAlarmRulesAreData(t *testing.T) {
	n, err := bulk.ReadNetwork(storetest.FS(withRules("cold,station,instant,,,15,,,,,\ncold,shipper,cumulative,20,-1.5,8,0.5,2,10,15,5\n" +
		"cold,collection,kinetic,60,,9,,,,,\ncold,station,consecutive,5,,12,,,,,\n")))
	require.NoError(t, err)
	require.Empty(t, n.Notes)
	var names []string
	for _, r := range n.Rules {
		names = append(names, string(r.V.Leg)+" "+r.V.Name())
	}
	require.Equal(t, []string{"station own.cold.instant.high", "shipper own.cold.cumulative.low", "shipper own.cold.cumulative.high",
		"collection own.cold.kinetic.high", "station own.cold.consecutive.high"}, names)
	require.Equal(t, coldchain.Rule{Kind: coldchain.Cumulative, Low: true, LimitMilliC: -1500, For: 20 * time.Minute, Deadband: 500,
		OnDelay: 2 * time.Minute, OffDelay: 10 * time.Minute, StartIgnore: 15 * time.Minute, EndIgnore: 5 * time.Minute}, n.Rules[1].V.Rule)
	require.Equal(t, coldchain.Rule{Kind: coldchain.Consecutive, LimitMilliC: 15_000, Deadband: coldchain.AirDeadband,
		OffDelay: coldchain.AirOffDelay}, n.Rules[0].V.Rule, "what is not given is as by default")
	require.Equal(t, 3, n.Rules[1].Line)
	plain := storetest.Network(t)
	require.False(t, plain.HasRules)
	empty, err := bulk.ReadNetwork(storetest.FS(withRules("")))
	require.NoError(t, err)
	require.True(t, empty.HasRules && len(empty.Rules) == 0, "a file without rows takes the stored ones away")
}

func TestWrongAlarmRulesAreToldByRowAndColumn(t *testing.T) {
	for rows, want := range map[string]string{
		"warm,station,instant,,,15,,,,,\n":                                 `temperature_rules.csv, row 2, column temperature_category: "warm": want an id of temperature_categories.csv`,
		"cold,kitchen,instant,,,15,,,,,\n":                                 `row 2, column leg: "kitchen": want collection or shipper or station`,
		"cold,station,often,1,,15,,,,,\n":                                  `row 2, column kind: "often": want instant or consecutive or cumulative or kinetic`,
		"cold,station,instant,5,,15,,,,,\n":                                `row 2, column minutes: "5": want nothing or 0`,
		"cold,station,consecutive,,,15,,,,,\n":                             `row 2, column minutes: want a whole number from 1 to 10080`,
		"cold,station,consecutive,0,,15,,,,,\n":                            `row 2, column minutes: "0"`,
		"cold,station,consecutive,5,,,,,,,\n":                              `row 2, column max_celsius: want a limit here or in min_celsius`,
		"cold,station,consecutive,5,,x,,,,,\n":                             `row 2, column max_celsius: "x": want a temperature`,
		"cold,station,consecutive,5,8,2,,,,,\n":                            `row 2, column max_celsius: "2": want more than min_celsius`,
		"cold,station,consecutive,5,2,3,1,,,,\n":                           `row 2, column max_celsius: "3": want more than min_celsius by at least twice the deadband`,
		"cold,station,consecutive,5,,8,-1,,,,\n":                           `row 2, column deadband_celsius: "-1": want a difference`,
		"cold,station,consecutive,5,,8,,,121,,\n":                          `row 2, column off_delay_minutes: "121": want a whole number from 0 to 120`,
		"cold,station,consecutive,5,,8,,,,,-1\n":                           `row 2, column ignore_end_minutes: "-1"`,
		"cold,station,kinetic,60,1,,,,,,\n":                                `row 2, column min_celsius: "1": want nothing, for a mean kinetic`,
		"cold,station,kinetic,60,,9,,5,,,\n":                               `row 2, column on_delay_minutes: "5": want nothing`,
		"cold,station,instant,,,15,,,,,\ncold,station,instant,,,14,,,,,\n": `row 3, column kind: "instant": want a kind that no other row has (row 2 has it)`,
	} {
		_, err := bulk.ReadNetwork(storetest.FS(withRules(rows)))
		require.ErrorContains(t, err, want, rows)
	}
	files := storetest.Files()
	files[bulk.RulesFile] = "temperature_category,leg,kind\n"
	_, err := bulk.ReadNetwork(storetest.FS(files))
	require.ErrorContains(t, err, "temperature_rules.csv, row 1, column minutes: want this column")
}
