package quality_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/bulk"
	"meguri/hub/effect"
	"meguri/hub/fleet"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/protocol"
)

const ruleHeader = "temperature_category,leg,kind,minutes,min_celsius,max_celsius,off_delay_minutes,ignore_start_minutes,ignore_end_minutes\n"

// rules imports the network again, with alarm rules of its own.
func (s *site) rules(rows string) {
	s.Helper()
	files := storetest.Files()
	files[bulk.RulesFile] = ruleHeader + rows
	n, err := bulk.ReadNetwork(storetest.FS(files))
	require.NoError(s, err)
	storetest.Import(s.T, s.store, n)
}

// everyKind is a rule of each kind for the air that cold goods have at the station.
const everyKind = "cold,station,instant,,,15,,,\ncold,station,consecutive,5,1,,,,\ncold,station,cumulative,14,,8,,,\ncold,station,kinetic,10,,8.7,,,\n" +
	"cold,station,cumulative,4,1.5,,,20,\n"

// aDay is two hours in the fridge from 8:00 on. The goods come at 8:30.
func aDay() []int {
	return slices.Concat(repeat(15, 5), repeat(5, 9), repeat(15, 5), // 8:15 warm without goods
		repeat(10, 9), repeat(2, 16), repeat(20, 5), // 8:35, 8:45, 8:47
		repeat(5, 9), repeat(10, 5), repeat(6, 0), repeat(34, 5)) // 9:07, 9:12, 9:22, 9:28
}

func rowsOf(day []int, from time.Time) []store.ReadingRow {
	rows := make([]store.ReadingRow, len(day))
	for i, c := range day {
		rows[i] = store.ReadingRow{Number: uint64(i + 1), Boot: 1, Dated: fleet.Dated{At: from.Add(time.Duration(i) * time.Minute)}, Received: at(12, 0),
			Sensor: air, Samples: 1, MilliC: int64(c) * 1000, Min: int64(c) * 1000, Max: int64(c) * 1000}
	}
	return rows
}

// wanted are the alarms of aDay, by hand. The number is that of the first reading outside.
func wanted() []string {
	id := func(rule string, n int, from, until string) string {
		return fmt.Sprintf("temperature/%s/station-1/%s/%d/%s %s %s", rule, inc, n, air, from, until)
	}
	return []string{
		id("own.cold.consecutive.low", 83, "00:27", "00:28"),           // five minutes of 9:22
		id("own.cold.cumulative.high@2026-12-01", 36, "00:09", "open"), // ten and two, and two of 9:07; not those without goods
		id("own.cold.cumulative.low@2026-12-01", 83, "00:26", "open"),  // four of 9:22
		id("own.cold.instant.high", 46, "23:45", "23:47"),
		id("own.cold.kinetic.high@2026-12-01", 47, "23:47", "23:53"), // the second at 16 °C lifts the mean above 8.7, to 9.3; 8.5 at 8:52
	}
}

func TestRulesOfANetworkFindTheSameAlarmsHoweverReadingsCome(t *testing.T) {
	each(t, map[string]func(*site){
		"in order, one by one": func(s *site) {
			s.rules(everyKind)
			s.delivered()
			for some := range slices.Chunk(rowsOf(aDay(), at(8, 0)), 5) {
				s.arrives("station-1", some)
				s.judge(some[len(some)-1].Dated.At.Add(time.Second))
			}
			s.sameAlarms()
		},
		"shuffled, late, repeated, before and after the scans": func(s *site) {
			s.rules(everyKind)
			random := rand.New(rand.NewPCG(5, uint64(len(s.Name()))))
			rows := rowsOf(aDay(), at(8, 0))
			random.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
			for begin := 0; begin < len(rows); begin += 9 {
				if begin == 45 {
					s.delivered()
				}
				some := rows[begin:min(begin+9, len(rows))]
				s.arrives("station-1", some)
				s.judge(at(10, 0))
			}
			s.change(func(tx *store.Tx) error { return tx.MarkDue(s.Context(), "loc-1-f1", at(8, 40), at(11, 0)) })
			s.judge(at(11, 0))
			s.sameAlarms()
		},
	})
}

func (s *site) sameAlarms() {
	s.Helper()
	require.Equal(s, wanted(), s.alarms(effect.AlarmTemperature))
}

func TestAlarmRulesOfANetwork(t *testing.T) {
	each(t, map[string]func(*site){
		"are not there without their file": func(s *site) {
			s.delivered()
			s.arrives("station-1", rowsOf(repeat(31, 9), at(9, 0)))
			s.judge(at(10, 0))
			require.Equal(s, []string{"temperature/high/station-1/" + inc + "/1/" + air + " 00:30 open"}, s.alarms(effect.AlarmTemperature),
				"by the fridge's own range, for as long as its strictest category allows")
		},
		"take the place of the default on their side, and their alarms end with them": func(s *site) {
			s.rules("cold,station,consecutive,50,,8,,,\n")
			s.arrives("station-1", rowsOf(slices.Concat(repeat(31, 9), repeat(31, 1)), at(9, 0)))
			s.judge(at(10, 5))
			require.Equal(s, []string{"temperature/low/station-1/" + inc + "/32/" + air + " 01:01 open"}, s.alarms(effect.AlarmTemperature))
			s.rules("cold,station,consecutive,20,,8,,,\n")
			s.judge(at(10, 6))
			require.Len(s, s.alarms(effect.AlarmTemperature), 2)
			s.rules("cold,station,consecutive,40,,8,,,\n")
			s.judge(at(10, 7))
			require.Len(s, s.alarms(effect.AlarmTemperature), 1, "it was none, by what counts now")
			s.rules("")
			s.judge(at(10, 8))
			require.Len(s, s.alarms(effect.AlarmTemperature), 2, "the default again")
		},
		"that count with goods are over when these are": func(s *site) {
			s.rules("cold,station,cumulative,10,,8,,,30\n")
			s.delivered()
			s.arrives("station-1", rowsOf(slices.Concat(repeat(60, 5), repeat(12, 9), repeat(9, 5)), at(8, 0)))
			s.judge(at(9, 30))
			id := "temperature/own.cold.cumulative.high@2026-12-01/station-1/" + inc + "/61/" + air
			require.Equal(s, []string{id + " 00:10 open"}, s.alarms(effect.AlarmTemperature))
			late := rowsOf(repeat(500, 5), at(9, 21))
			for i := range late {
				late[i].Number += 100
			}
			s.arrives("station-1", late[:60]) // nothing outside, and nothing more to judge for what was
			s.judge(at(12, 1))
			s.arrivesAt("station-1", at(17, 45), late[60:])
			s.judge(at(17, 45))
			require.Equal(s, []string{id + " 00:10 08:00"}, s.alarms(effect.AlarmTemperature), "pickup closes at 17:00 in Tokyo")
		},
		"on a shipper, without the time in which its goods come and go": func(s *site) {
			s.rules("cold,shipper,instant,,,10,,15,20\n")
			s.delivered() // rides from 6:30 to 8:30
			rows := rowsOf(slices.Concat(repeat(45, 12), repeat(85, 5), repeat(20, 12), repeat(20, 30)), at(6, 0))
			for i := range rows {
				rows[i].Sensor = "box-1-cold/air"
			}
			s.arrives("box-1", rows)
			s.judge(at(9, 0))
			require.NotContains(s, fmt.Sprint(s.alarms(effect.AlarmTemperature)), "own.", "the first quarter and the last 20 minutes are no news")
			rows[80].MilliC, rows[80].Min, rows[80].Max = 10_500, 10_500, 10_500
			for i := range rows {
				rows[i].Number += 1000
				rows[i].Dated.At = rows[i].Dated.At.Add(30 * time.Second)
			}
			s.arrives("box-1", rows[80:81])
			s.judge(at(9, 1))
			require.Contains(s, fmt.Sprint(s.alarms(effect.AlarmTemperature)), "own.cold.instant.high@2026-12-01/box-1/"+inc+"/1081/")
		},
		"of a device are those that the readings bear out": func(s *site) {
			s.rules("cold,station,instant,,,15,,,\n")
			s.says("station-1", at(9, 0), protocol.Alarm{Sensor: air, Raised: true, MilliC: 16_000, LimitMilliC: 15_000, First: 1, Rule: "own.cold.instant.high"})
			id := "temperature/own.cold.instant.high/station-1/" + inc + "/1/" + air
			require.Equal(s, []string{id + " 00:00 open"}, s.alarms(effect.AlarmTemperature))
			s.arrives("station-1", rowsOf(slices.Concat(repeat(3, 16), repeat(20, 5)), at(9, 0)))
			s.judge(at(9, 30))
			require.Equal(s, []string{id + " 00:00 00:03"}, s.alarms(effect.AlarmTemperature))
			s.says("station-1", at(9, 8), protocol.Alarm{Sensor: air, MilliC: 5_000, LimitMilliC: 15_000, First: 1, Rule: "own.cold.instant.high"})
			require.Equal(s, []string{id + " 00:00 00:03"}, s.alarms(effect.AlarmTemperature))
		},
	})
}

// A fridge that comes back only just inside stays in its excursion; when it is cold at last somebody has to look, though nothing is
// outside any more.
func TestAnExcursionThatEndsLongAfterTheLastReadingOutsideEnds(t *testing.T) {
	each(t, map[string]func(*site){"by the default rules": func(s *site) {
		rows := rowsOf(slices.Concat(repeat(31, 9), repeat(40, 8), repeat(20, 5)), at(9, 0)) // 8 °C lies within the deadband
		for some := range slices.Chunk(rows, 5) {
			s.arrives("station-1", some)
			s.judge(some[len(some)-1].Dated.At.Add(time.Second))
		}
		require.Equal(s, []string{"temperature/high/station-1/" + inc + "/1/" + air + " 00:30 01:11"}, s.alarms(effect.AlarmTemperature))
	}})
}
