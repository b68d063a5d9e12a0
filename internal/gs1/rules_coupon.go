package gs1

import (
	"fmt"
	"strings"
)

var (
	couponCode  = rule{"coupon", coupon8110} // couponcode
	couponOffer = rule{"coupon", coupon8112} // couponposoffer
)

// couponReader walks through the digits of a North American coupon, whose fields say how long they are. The first thing that is
// wrong stays; what comes after it reads nothing.
type couponReader struct {
	text   string
	at     int
	wrong  int
	detail string
}

func (c *couponReader) fail(at int, format string, args ...any) {
	if c.detail == "" {
		c.wrong, c.detail = at, fmt.Sprintf(format, args...)
	}
}

// take reads a field of so many digits.
func (c *couponReader) take(size int, what string) string {
	if c.detail != "" {
		return ""
	}
	if len(c.text)-c.at < size {
		c.fail(c.at, "has %d digits for the %s, want %d", len(c.text)-c.at, what, size)
		return ""
	}
	c.at += size
	return c.text[c.at-size : c.at]
}

// digit reads one digit out of those allowed.
func (c *couponReader) digit(allowed, what string) byte {
	v := c.take(1, what)
	if v == "" {
		return 0
	}
	if !strings.Contains(allowed, v) {
		c.fail(c.at-1, "has %s for the %s, want one of %s", v, what, allowed)
	}
	return v[0]
}

// sized reads a field behind a digit that gives its length, less the shortest length it may have. none is the digit that says
// there is no field.
func (c *couponReader) sized(allowed string, shortest int, none byte, what string) {
	size := c.digit(allowed, "length of the "+what)
	if c.detail == "" && (size != none || none == 0) {
		c.take(int(size-'0')+shortest, what)
	}
}

// option says whether the optional field with this number comes next, and if so reads its number.
func (c *couponReader) option(number byte) bool {
	if c.detail != "" || c.at >= len(c.text) || c.text[c.at] != number {
		return false
	}
	c.at++
	return true
}

func (c *couponReader) date(what string) string {
	at := c.at
	v := c.take(6, what)
	if v != "" {
		if i, detail := day.check(v); detail != "" {
			c.fail(at+i, "%s %s", what, detail)
		}
	}
	return v
}

func (c *couponReader) end() (int, string) {
	if c.at < len(c.text) {
		c.fail(c.at, "goes on after its last field")
	}
	return c.wrong, c.detail
}

func couponOf(text string) *couponReader {
	c := &couponReader{text: text}
	for i := range len(text) {
		if !digit(text[i]) {
			c.fail(i, "holds %q, want digits", text[i:i+1])
		}
	}
	return c
}

// coupon8110 follows the North American Coupon Application Guideline Using GS1 DataBar Expanded Symbols.
func coupon8110(text string) (int, string) {
	c := couponOf(text)
	c.sized("0123456", 6, 0, "company prefix")
	c.take(6, "offer code")
	c.sized("12345", 0, 0, "save value")
	c.purchase("first")
	if c.option('1') {
		c.digit("0123", "additional purchase rules")
		c.purchase("second")
		c.sized("01234569", 6, '9', "second company prefix")
	}
	if c.option('2') {
		c.purchase("third")
		c.sized("01234569", 6, '9', "third company prefix")
	}
	c.dates()
	if c.option('5') {
		c.sized("0123456789", 6, 0, "serial number")
	}
	if c.option('6') {
		c.sized("1234567", 6, 0, "retailer's company prefix or GLN")
	}
	if c.option('9') {
		c.digit("01256", "save value code")
		c.digit("012", "item that the save value applies to")
		c.digit("0123456789", "store coupon flag")
		c.digit("01", "don't multiply flag")
	}
	return c.end()
}

// purchase reads what has to be bought: how much, in which unit, of which family.
func (c *couponReader) purchase(which string) {
	c.sized("12345", 0, 0, which+" purchase requirement")
	c.digit("012349", which+" purchase requirement code")
	c.take(3, which+" purchase family code")
}

func (c *couponReader) dates() {
	var last string
	if c.option('3') {
		last = c.date("expiration date")
	}
	if c.option('4') {
		if first := c.date("start date"); last != "" && first > last {
			c.fail(c.at-6, "has the start date %s after the expiration date %s", first, last)
		}
	}
}

// coupon8112 follows the GS1 AI (8112) Coupon Data Specification, for offers in the positive offer file.
func coupon8112(text string) (int, string) {
	c := couponOf(text)
	c.digit("01", "format")
	c.sized("0123456", 6, 0, "coupon funder")
	c.take(6, "offer code")
	c.sized("0123456789", 6, 0, "serial number")
	return c.end()
}
