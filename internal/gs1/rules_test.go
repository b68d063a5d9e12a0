package gs1

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// ruleCases are values of elements that keep one rule or break it. The error's place follows the rule: where in the value.
var ruleCases = []struct {
	ai    AI
	right []string
	wrong map[string]int
	rule  string
}{
	{"00", []string{"095201234567891235", "395201234567891236"}, map[string]int{"095201234567891230": 17}, "check digit"},
	{"01", []string{"09520123456788", "00000000000000"}, map[string]int{"09520123456789": 13, "90520123456788": 13}, "check digit"},
	{"402", []string{"95201234567891235"}, map[string]int{"95201234567891230": 16}, "check digit"},
	{"01", nil, map[string]int{"0952012345678A": 13, "0952O123456788": 4, " 9520123456788": 0}, "character set"},
	{"10", []string{`!"%&'()*+,-./0123456`, `789:;<=>?ABCDEFGHIJK`, "LMNOPQRSTUVWXYZ_abcd", "efghijklmnopqrstuvwx", "yz"},
		map[string]int{"A B": 1, "A#": 1, "$": 0, "@": 0, "A^": 1, "[": 0, "`": 0, "{": 0, "~": 0, "é": 0, "\x00": 0, "\xff": 0, `\`: 0, "|": 0},
		"character set"},
	{"8010", []string{"9520/ABC-1#Z"}, map[string]int{"9520abc": 4, "9520_": 4, "9520.": 4}, "character set"},
	{"8030", []string{"AZaz09-_"}, map[string]int{"AB+C": 2, "AB/C": 2, "A=B": 1, "A===": 1, "AAA=": 3}, "character set"},
	{"8030", []string{"AB=", "A==", "AAAAA="}, nil, "character set"},
	{"8013", []string{"1987654Ad4X4bL5ttr2310c2K"}, map[string]int{"1987654Ad4X4bL5ttr2310c2J": 23, "1987655Ad4X4bL5ttr2310c2K": 23, "2": 0},
		"check characters"},
	{"401", []string{"9520", "9520/A"}, map[string]int{"952A": 3, "A952": 0, "952": 3}, "company prefix"},
	{"03", nil, map[string]int{"0952": 4}, "length"},
	{"8004", []string{"9520A"}, map[string]int{"95-0A": 2}, "company prefix"},
	{"11", []string{"260228", "240229", "000229", "260200", "991231", "500131"}, map[string]int{
		"260230": 4, "230229": 4, "261301": 2, "260001": 2, "260431": 4, "260132": 4}, "date"},
	{"7006", []string{"260228"}, map[string]int{"260200": 4, "260229": 4}, "date"},
	{"7007", []string{"260228", "260201260228"}, map[string]int{"260201260230": 10}, "date"},
	{"7007", nil, map[string]int{"2602012602": 10}, "length"},
	{"7250", []string{"20000229", "18991231", "20240229"}, map[string]int{"19000229": 6, "20230229": 6, "20231301": 4, "20230100": 6}, "date"},
	{"7003", []string{"2602282359"}, map[string]int{"2602282400": 6, "2602282360": 8}, "time"},
	{"8008", []string{"26022823", "2602282359", "260228235959"}, map[string]int{"26022824": 6, "2602282360": 8, "260228235960": 10}, "time"},
	{"8008", nil, map[string]int{"260228235": 9, "26022823595": 11}, "length"},
	{"7011", []string{"260228", "2602280000"}, map[string]int{"2602282401": 6}, "time"},
	{"4324", []string{"2602000000", "2602282359"}, map[string]int{"2602282460": 6}, "time"},
	{"422", []string{"392", "840"}, map[string]int{"000": 0, "999": 0, "393": 0}, "country"},
	{"423", []string{"392", "392840", "392840276250380"}, map[string]int{"392841": 3}, "country"},
	{"423", nil, map[string]int{"3928": 4, "39284": 5}, "length"},
	{"7030", []string{"392A", "999A"}, map[string]int{"998A": 0}, "country"},
	{"4307", []string{"JP", "US", "ZW", "AD"}, map[string]int{"jp": 0, "XX": 0, "J1": 0, "AA": 0}, "country"},
	{"3910", []string{"3920", "840123456789012345"}, map[string]int{"0001": 0, "3931": 0, "2801": 0}, "currency"},
	{"7252", []string{"0", "1", "2", "9"}, map[string]int{"3": 0, "8": 0}, "sex"},
	{"8001", []string{"00010000100110", "99999999999999", "00010000100101"}, map[string]int{"00010000100120": 12}, "winding direction"},
	{"8001", nil, map[string]int{"00000000100110": 0, "00010000000110": 4, "00010000100010": 9}, "not zero"},
	{"4321", []string{"0", "1"}, map[string]int{"2": 0}, "yes or no"},
	{"7040", []string{"1ABC", "0A1_", "9zz-", "1ab9"}, map[string]int{"1AB.": 3, "1AB/": 3}, "importer index"},
	{"7241", []string{"01", "10", "80", "99"}, map[string]int{"00": 0, "11": 0, "79": 0}, "media type"},
	{"7041", []string{"1A", "PX", "X11", "9", "200", "ZZ", "APE"}, map[string]int{"PPP": 0, "px": 0, "A": 0, "1A1": 0}, "package type"},
	{"4300", []string{"A%20B", "%e6%97%a5", "ABC"}, map[string]int{"A%2": 1, "A%": 1, "A%2G": 1, "%%20": 0}, "percent encoding"},
	{"8006", []string{"095201234567880102", "095201234567889999"}, map[string]int{
		"095201234567880002": 14, "095201234567880100": 16, "095201234567880302": 14}, "piece of total"},
	{"7258", []string{"1/2", "9/9"}, map[string]int{"0/2": 0, "3/2": 0, "1/0": 2, "123": 0, "1//": 0, "/12": 0, "12/": 0}, "position in sequence"},
	{"4309", []string{"18000000003600000000", "00000000000000000000"}, map[string]int{"18000000010000000000": 0}, "latitude"},
	{"4309", nil, map[string]int{"00000000003600000001": 10}, "longitude"},
	{"8007", []string{"GB82WEST12345698765432", "DE89370400440532013000"}, map[string]int{
		"GB83WEST12345698765432": 2, "XX82WEST12345698765432": 0, "GB82west12345698765432": 4, "GB82WEST12": 0}, "IBAN"},
	{"8003", []string{"09520123456788", "09520123456788A/1"}, map[string]int{"19520123456788": 0}, "zero"},
	{"4331", []string{"001850", "001850-"}, map[string]int{"001850+": 6}, "hyphen"},
	{"8011", []string{"1", "120"}, map[string]int{"0": 0, "01": 0}, "no zero first"},
	{"8110", []string{
		"0" + "952012" + "123456" + "1" + "5" + "1" + "1" + "0" + "123",
		"6" + "952012345678" + "123456" + "3" + "150" + "1" + "1" + "9" + "123" + "1" + "3" + "1" + "2" + "4" + "456" + "9",
		"0" + "952012" + "123456" + "1" + "5" + "1" + "1" + "0" + "123" + "2" + "1" + "2" + "4" + "456" + "0" + "952013",
		"0" + "952012" + "123456" + "1" + "5" + "1" + "1" + "0" + "123" + "3" + "261231" + "4" + "261201" + "5" + "0" + "123456",
		"0" + "952012" + "123456" + "1" + "5" + "1" + "1" + "0" + "123" + "6" + "1" + "1234567" + "9" + "6" + "2" + "7" + "1",
	}, map[string]int{
		"7": 0, "0" + "95201": 1, "0" + "952012" + "12345": 7, "0" + "952012" + "123456" + "6": 13, "0" + "952012" + "123456" + "2" + "5": 14,
		"0" + "952012" + "123456" + "1" + "5" + "1" + "1" + "5" + "123":                                   17,
		"0" + "952012" + "123456" + "1" + "5" + "1" + "1" + "0" + "12":                                    18,
		"0" + "952012" + "123456" + "1" + "5" + "1" + "1" + "0" + "123" + "7":                             21,
		"0" + "952012" + "123456" + "1" + "5" + "1" + "1" + "0" + "123" + "3" + "261331":                  24,
		"0" + "952012" + "123456" + "1" + "5" + "1" + "1" + "0" + "123" + "3" + "261231" + "4" + "270101": 29,
		"0" + "952012" + "123456" + "1" + "5" + "1" + "1" + "0" + "123" + "9" + "3" + "2" + "7" + "1":     22,
		"0" + "952012" + "123456" + "1" + "5" + "1" + "1" + "0" + "123" + "9" + "6" + "2" + "7" + "2":     25,
		"0" + "952012" + "123456" + "1" + "5" + "1" + "1" + "0" + "123" + "1" + "4":                       22,
		"0" + "95A012": 3,
	}, "coupon"},
	{"8112", []string{"0" + "0" + "952012" + "123456" + "0" + "123456", "1" + "6" + "952012345678" + "123456" + "9" + "123456789012345"},
		map[string]int{"2": 0, "07": 1, "0" + "0" + "95201": 2, "0" + "0" + "952012" + "123456": 14,
			"0" + "0" + "952012" + "123456" + "0" + "12345": 15, "0" + "0" + "952012" + "123456" + "0" + "1234567": 21}, "coupon"},
}

func must(text string, err error) string {
	if err != nil {
		panic(err)
	}
	return text
}

func TestEveryRuleAcceptsAndRefuses(t *testing.T) {
	for _, c := range ruleCases {
		e := known.entries[c.ai]
		for _, v := range c.right {
			_, rule, detail := e.check(v)
			require.Empty(t, rule, "(%s)%s %s", c.ai, v, detail)
		}
		for v, at := range c.wrong {
			got, rule, detail := e.check(v)
			require.Equal(t, c.rule, rule, "(%s)%s %s", c.ai, v, detail)
			require.Equal(t, at, got, "(%s)%s %s", c.ai, v, detail)
			require.NotEmpty(t, detail)
		}
	}
}

func TestAMasterUDIIsNotOnlyDigits(t *testing.T) {
	e := known.entries["8014"]
	for body, want := range map[string]string{"952012A": "", "9520125": "not only digits"} {
		text := body + must(CheckPair(body))
		if want != "" {
			for !allDigits(text) { // find digits whose check characters are digits too
				body = string(body[0]) + string('0'+(body[1]-'0'+1)%10) + next(body[2:])
				text = body + must(CheckPair(body))
			}
		}
		_, rule, detail := e.check(text)
		require.Equal(t, want, rule, "%s %s", text, detail)
	}
}

// next counts digits on.
func next(d string) string {
	b := []byte(d)
	for i := len(b) - 1; i >= 0; i-- {
		if b[i]++; b[i] <= '9' {
			break
		}
		b[i] = '0'
	}
	return string(b)
}

// A rule that no case names would be one that nothing proves.
func TestEveryRuleHasACase(t *testing.T) {
	cases := map[string]bool{"not only digits": true}
	for _, c := range ruleCases {
		cases[c.rule] = true
	}
	for _, e := range known.entries {
		for _, p := range e.parts {
			for _, r := range p.rules {
				require.True(t, cases[r.name], "(%s) %s", e.ai, r.name)
			}
		}
	}
}

func TestUPCEGetsItsZerosBack(t *testing.T) {
	for six, want := range map[string]string{ // General Specifications, section 5.2.2.4: by its last digit
		"123450": "01200000345", "425261": "04210000526", "123452": "01220000345", "123453": "01230000045", "123454": "01234000005",
		"123455": "01234500005", "123459": "01234500009",
	} {
		check := string(CheckDigit(want))
		got, err := ExpandUPCE("0" + six + check)
		require.NoError(t, err, six)
		require.Equal(t, want+check, got)
	}
	for _, short := range []string{"", "0123456", "91234505", "0123450A", "01234506"} {
		_, err := ExpandUPCE(short)
		require.Error(t, err, short)
	}
}
