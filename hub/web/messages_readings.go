package web

// readingsMessages is what the pages of sensors and journeys say.
var readingsMessages = map[string]message{
	"readings.day":     {"Day", "1日"},
	"readings.week":    {"Week", "1週間"},
	"readings.month":   {"Month", "1か月"},
	"readings.year":    {"Year", "1年"},
	"readings.spans":   {"Span", "期間"},
	"readings.before":  {"Earlier", "前へ"},
	"readings.after":   {"Later", "次へ"},
	"readings.csv":     {"Download as CSV", "CSVで保存"},
	"readings.limits":  {"limits %s to %s", "適温 %s〜%s"},
	"readings.nolimit": {"no limits are known for this sensor", "このセンサーの適温は未設定"},
	"readings.low":     {"Lowest", "最低"},
	"readings.high":    {"Highest", "最高"},
	"readings.samples": {"Readings", "測定数"},
	"readings.faults":  {"Sensor faults", "センサー異常"},
	"readings.fault":   {"sensor fault", "センサー異常"},
	"readings.none":    {"Nothing was measured in this time.", "この期間の測定はありません。"},
	"readings.alt":     {"Temperatures from %s to %s: lowest %s, highest %s.", "%s から %s までの温度。最低 %s、最高 %s。"},
	"report.journey":   {"Signed report of the journey (PDF)", "温度記録の署名付き報告書（PDF・英語）"},
	"readings.all":     {"Day, week, month and year", "日・週・月・年の推移"},
}
