// Package plural counts things in English: 1 order, 2 orders.
package plural

import (
	"regexp"
	"strconv"
	"strings"
)

// Of gives a number with what it is a number of, named as one of it: "1 order", "2 orders", "3 addresses", "4 deliveries".
func Of[N ~int | ~int64 | ~uint64](n N, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.FormatInt(int64(n), 10) + " " + many(one)
}

// many is the regular plural of a word; of several words, that of the last.
func many(one string) string {
	stem, y := strings.CutSuffix(one, "y")
	switch {
	case y && stem != "" && !strings.ContainsAny(stem[len(stem)-1:], "aeiou"):
		return stem + "ies"
	case strings.HasSuffix(one, "s"), strings.HasSuffix(one, "x"), strings.HasSuffix(one, "ch"), strings.HasSuffix(one, "sh"):
		return one + "es"
	}
	return one + "s"
}

var choice = regexp.MustCompile(`(\d+) \{([^{}|]*)\|([^{}|]*)\}`)

// Choose takes, of each {one|many} in a text, what fits the number before it: "1 {order is|orders are} held" is "1 order is held".
func Choose(text string) string {
	return choice.ReplaceAllStringFunc(text, func(found string) string {
		m := choice.FindStringSubmatch(found)
		if m[1] == "1" {
			return "1 " + m[2]
		}
		return m[1] + " " + m[3]
	})
}
