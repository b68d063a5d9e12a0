package gs1

import (
	"fmt"
	"strings"
)

var (
	day       = rule{"date", date(2, false)} // yymmdd
	dayOr00   = rule{"date", date(2, true)}  // yymmd0: day 00 where only the month is known
	longDay   = rule{"date", date(4, false)} // yyyymmdd
	hour      = rule{"time", clock("hh", 23)}
	minute    = rule{"time", clock("mm", 59)} // mi
	second    = rule{"time", clock("ss", 59)} // ss
	timeOfDay = rule{"time", hourMinute}      // hhmi
)

// two is the number of two digits.
func two(text string) int { return int(text[0]-'0')*10 + int(text[1]-'0') }

// allDigits also says whether there is anything.
func allDigits(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }

// date takes a year of so many digits, month and day. A year of two digits means the nearest such year; every fourth of those is
// a leap year from 1901 to 2099, so the present is not asked for.
func date(yearDigits int, monthAlone bool) func(string) (int, string) {
	form := strings.Repeat("Y", yearDigits) + "MMDD"
	return func(text string) (int, string) {
		if len(text) != len(form) || !allDigits(text) {
			return 0, fmt.Sprintf("has %q, want %s", text, form)
		}
		month, d := two(text[yearDigits:]), two(text[yearDigits+2:])
		if month < 1 || month > 12 {
			return yearDigits, fmt.Sprintf("has month %02d", month)
		}
		if d > daysOf(text[:yearDigits], month) || (d == 0 && !monthAlone) {
			return yearDigits + 2, fmt.Sprintf("has day %02d in month %02d", d, month)
		}
		return 0, ""
	}
}

func daysOf(year string, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		century := len(year) == 4 && year[2:] == "00"
		if two(year[len(year)-2:])%4 == 0 && (!century || two(year)%4 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

func clock(form string, most int) func(string) (int, string) {
	return func(text string) (int, string) {
		if len(text) != 2 || !allDigits(text) || two(text) > most {
			return 0, fmt.Sprintf("has %q, want %s up to %d", text, form, most)
		}
		return 0, ""
	}
}

func hourMinute(text string) (int, string) {
	if len(text) != 4 {
		return 0, fmt.Sprintf("has %q, want hhmm", text)
	}
	if at, detail := hour.check(text[:2]); detail != "" {
		return at, detail
	}
	at, detail := minute.check(text[2:])
	return at + 2, detail
}
