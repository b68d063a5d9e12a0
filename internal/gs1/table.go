package gs1

// What other elements must be on an item, where many rows ask for the same.
const (
	anyTrade  = "01|02|03|8006|8026" // a trade item, its contents, made to order, a piece of one
	oneTrade  = "01|02|8006|8026"
	trade     = "01|02" // a trade item, or those in a logistic unit
	tradeUnit = "01|8006"
	logistic  = "00|01"
	measured  = "30|31nn|32nn|35nn|36nn" // something the price is by
	person    = "8017|8018"

	// With the GTIN of a master UDI-DI, (03), in the place of (01) and (02), by the dictionary of 2026-07-27.
	tradeOrMaster    = trade + "|03"
	oneTradeOrMaster = oneTrade + "|03"
	unitOrMaster     = tradeUnit + "|03"
)

// table has every application identifier of the GS1 General Specifications, release 26 (January 2026): section 3.2 for what they
// are, their formats and titles; section 4.14 for the associations that are required and excluded; section 7.8 for the predefined
// lengths. Where the text leaves room, as the GS1 Barcode Syntax Dictionary of 2026-01-27 reads it. Digital Link keys and
// qualifiers are those of the GS1 Digital Link Standard: URI Syntax, release 1.6. The columns are explained at row.
var table = join(identification, traceability, measures(), amounts, places, transport, processes, persons, others, internal)

func join(groups ...[]row) []row {
	var all []row
	for _, g := range groups {
		all = append(all, g...)
	}
	return all
}

var identification = []row{
	{ai: "00", title: "SSCC", is: is(n(18, checkDigit, prefixSecond)), fixed: true, inQuery: true, key: "-"},
	{ai: "01", title: "GTIN", is: is(n(14, checkDigit, prefixSecond)), fixed: true, inQuery: true, key: "22 10 21|235",
		never: "255 37"},
	{ai: "02", title: "CONTENT", is: is(n(14, checkDigit, prefixSecond)), fixed: true, inQuery: true, never: "01 03", needs: "37"},
	{ai: "03", title: "MTO GTIN", is: is(n(14, checkDigit, prefixSecond)), fixed: true, never: "01 02 235 37"},
	{ai: "20", title: "VARIANT", is: is(n(2)), fixed: true, inQuery: true, needs: oneTradeOrMaster},
	{ai: "21", title: "SERIAL", is: is(upTo(x(20))), needs: "01|03|8006", never: "235"},
	{ai: "22", title: "CPV", is: is(upTo(x(20))), needs: "01"},
	{ai: "235", title: "TPX", is: is(upTo(x(28))), needs: "01"},
	{ai: "240", title: "ADDITIONAL ID", is: is(upTo(x(30))), inQuery: true, needs: oneTradeOrMaster},
	{ai: "241", title: "CUST. PART No.", is: is(upTo(x(30))), inQuery: true, needs: oneTradeOrMaster},
	{ai: "242", title: "MTO VARIANT", is: is(upTo(n(6))), inQuery: true, needs: oneTrade},
	{ai: "243", title: "PCN", is: is(upTo(x(20))), inQuery: true, needs: "01|03"},
	{ai: "250", title: "SECONDARY SERIAL", is: is(upTo(x(30))), inQuery: true, needs: unitOrMaster + " 21"},
	{ai: "251", title: "REF. TO SOURCE", is: is(upTo(x(30))), inQuery: true, needs: unitOrMaster},
	{ai: "253", title: "GDTI", is: is(n(13, checkDigit, prefixFirst), perhaps(upTo(x(17)))), inQuery: true, key: "-"},
	{ai: "254", title: "GLN EXTENSION COMPONENT", is: is(upTo(x(20))), needs: "414"},
	{ai: "255", title: "GCN", is: is(n(13, checkDigit, prefixFirst), perhaps(upTo(n(12)))), inQuery: true, key: "-",
		never: "01 02 415 8006 8020 8026"},
}

var traceability = []row{
	{ai: "10", title: "BATCH/LOT", is: is(upTo(x(20))), inQuery: true, needs: anyTrade},
	{ai: "11", title: "PROD DATE", is: is(n(6, dayOr00)), fixed: true, inQuery: true, needs: anyTrade},
	{ai: "12", title: "DUE DATE", is: is(n(6, dayOr00)), fixed: true, inQuery: true, needs: "8020"},
	{ai: "13", title: "PACK DATE", is: is(n(6, dayOr00)), fixed: true, inQuery: true, needs: anyTrade},
	{ai: "15", title: "BEST BEFORE or BEST BY", is: is(n(6, dayOr00)), fixed: true, inQuery: true, needs: anyTrade},
	{ai: "16", title: "SELL BY", is: is(n(6, dayOr00)), fixed: true, inQuery: true, needs: anyTrade},
	{ai: "17", title: "USE BY or EXPIRY", is: is(n(6, dayOr00)), fixed: true, inQuery: true, needs: anyTrade + "|255"},
	{ai: "30", title: "VAR. COUNT", is: is(upTo(n(8))), inQuery: true, needs: trade},
	{ai: "37", title: "COUNT", is: is(upTo(n(8))), inQuery: true, needs: "00 02|8026"},
}

// measures are the variable measures: three digits say of what, the fourth where the decimal point is. A measure is never given
// twice with different points.
func measures() []row {
	var rows []row
	for _, m := range []struct{ ai, needs, title string }{
		{"310", trade, "NET WEIGHT (kg)"}, {"311", trade, "LENGTH (m)"}, {"312", trade, "WIDTH (m)"},
		{"313", trade, "HEIGHT (m)"}, {"314", trade, "AREA (m²)"}, {"315", trade, "NET VOLUME (l)"},
		{"316", trade, "NET VOLUME (m³)"},
		{"320", trade, "NET WEIGHT (lb)"}, {"321", trade, "LENGTH (in)"}, {"322", trade, "LENGTH (ft)"},
		{"323", trade, "LENGTH (yd)"}, {"324", trade, "WIDTH (in)"}, {"325", trade, "WIDTH (ft)"},
		{"326", trade, "WIDTH (yd)"}, {"327", trade, "HEIGHT (in)"}, {"328", trade, "HEIGHT (ft)"},
		{"329", trade, "HEIGHT (yd)"},
		{"330", logistic, "GROSS WEIGHT (kg)"}, {"331", logistic, "LENGTH (m), log"}, {"332", logistic, "WIDTH (m), log"},
		{"333", logistic, "HEIGHT (m), log"}, {"334", logistic, "AREA (m²), log"}, {"335", logistic, "VOLUME (l), log"},
		{"336", logistic, "VOLUME (m³), log"}, {"337", "01", "KG PER m²"},
		{"340", logistic, "GROSS WEIGHT (lb)"}, {"341", logistic, "LENGTH (in), log"}, {"342", logistic, "LENGTH (ft), log"},
		{"343", logistic, "LENGTH (yd), log"}, {"344", logistic, "WIDTH (in), log"}, {"345", logistic, "WIDTH (ft), log"},
		{"346", logistic, "WIDTH (yd), log"}, {"347", logistic, "HEIGHT (in), log"}, {"348", logistic, "HEIGHT (ft), log"},
		{"349", logistic, "HEIGHT (yd), log"},
		{"350", trade, "AREA (in²)"}, {"351", trade, "AREA (ft²)"}, {"352", trade, "AREA (yd²)"},
		{"353", logistic, "AREA (in²), log"}, {"354", logistic, "AREA (ft²), log"}, {"355", logistic, "AREA (yd²), log"},
		{"356", trade, "NET WEIGHT (tr oz)"}, {"357", trade, "NET VOLUME (oz)"},
		{"360", trade, "NET VOLUME (qt (US))"}, {"361", trade, "NET VOLUME (gal.)"},
		{"362", logistic, "VOLUME (qt (US)), log"}, {"363", logistic, "VOLUME (gal (US)), log"},
		{"364", trade, "NET VOLUME (in³)"}, {"365", trade, "NET VOLUME (ft³)"}, {"366", trade, "NET VOLUME (yd³)"},
		{"367", logistic, "VOLUME (in³), log"}, {"368", logistic, "VOLUME (ft³), log"}, {"369", logistic, "VOLUME (yd³), log"},
	} {
		rows = append(rows, row{ai: AI(m.ai + "0"), last: '5', title: m.title, is: is(n(6)), fixed: true, inQuery: true,
			needs: m.needs, never: m.ai + "n"})
	}
	return rows
}

var amounts = []row{
	{ai: "3900", last: '9', title: "AMOUNT", is: is(upTo(n(15))), inQuery: true, needs: "255|8020", never: "390n 391n 394n 8111"},
	{ai: "3910", last: '9', title: "AMOUNT", is: is(n(3, currency), upTo(n(15))), inQuery: true, needs: "8020", never: "391n"},
	{ai: "3920", last: '9', title: "PRICE", is: is(upTo(n(15))), inQuery: true, needs: "01 " + measured, never: "392n 393n"},
	{ai: "3930", last: '9', title: "PRICE", is: is(n(3, currency), upTo(n(15))), inQuery: true, needs: measured, never: "393n"},
	{ai: "3940", last: '3', title: "PRCNT OFF", is: is(n(4)), inQuery: true, needs: "255", never: "394n 8111"},
	{ai: "3950", last: '5', title: "PRICE/UoM", is: is(n(6)), inQuery: true, needs: measured, never: "392n 393n 395n 8005"},
	{ai: "8005", title: "PRICE PER UNIT", is: is(n(6)), inQuery: true, needs: trade},
	{ai: "8020", title: "REF No.", is: is(upTo(x(25))), needs: "415"},
	{ai: "8007", title: "IBAN", is: is(upTo(x(34, bankAccount))), inQuery: true, needs: "415"},
	{ai: "8110", is: is(upTo(x(70, couponCode))), inQuery: true},
	{ai: "8111", title: "POINTS", is: is(n(4)), inQuery: true, needs: "255"},
	{ai: "8112", is: is(upTo(x(70, couponOffer))), inQuery: true},
}

var places = []row{
	{ai: "400", title: "ORDER NUMBER", is: is(upTo(x(30))), inQuery: true},
	{ai: "401", title: "GINC", is: is(upTo(x(30, prefixFirst))), inQuery: true, key: "-"},
	{ai: "402", title: "GSIN", is: is(n(17, checkDigit, prefixFirst)), inQuery: true, key: "-"},
	{ai: "403", title: "ROUTE", is: is(upTo(x(30))), inQuery: true, needs: "00"},
	{ai: "410", title: "SHIP TO LOC", is: is(n(13, checkDigit, prefixFirst)), fixed: true, inQuery: true},
	{ai: "411", title: "BILL TO", is: is(n(13, checkDigit, prefixFirst)), fixed: true, inQuery: true},
	{ai: "412", title: "PURCHASE FROM", is: is(n(13, checkDigit, prefixFirst)), fixed: true, inQuery: true},
	{ai: "413", title: "SHIP FOR LOC", is: is(n(13, checkDigit, prefixFirst)), fixed: true, inQuery: true},
	{ai: "414", title: "LOC No.", is: is(n(13, checkDigit, prefixFirst)), fixed: true, inQuery: true, key: "254|7040"},
	{ai: "415", title: "PAY TO", is: is(n(13, checkDigit, prefixFirst)), fixed: true, inQuery: true, key: "8020", needs: "8020"},
	{ai: "416", title: "PROD/SERV LOC", is: is(n(13, checkDigit, prefixFirst)), fixed: true, inQuery: true},
	{ai: "417", title: "PARTY", is: is(n(13, checkDigit, prefixFirst)), fixed: true, inQuery: true, key: "7040"},
	{ai: "420", title: "SHIP TO POST", is: is(upTo(x(20))), inQuery: true, never: "421"},
	{ai: "421", title: "SHIP TO POST", is: is(n(3, country), upTo(x(9))), inQuery: true, never: "4307"},
	{ai: "422", title: "ORIGIN", is: is(n(3, country)), inQuery: true, needs: oneTradeOrMaster, never: "426"},
	{ai: "423", title: "COUNTRY - INITIAL PROCESS", is: upToFive(), inQuery: true, needs: tradeOrMaster, never: "426"},
	{ai: "424", title: "COUNTRY - PROCESS", is: is(n(3, country)), inQuery: true, needs: tradeOrMaster, never: "426"},
	{ai: "425", title: "COUNTRY - DISASSEMBLY", is: upToFive(), inQuery: true, needs: tradeOrMaster, never: "426"},
	{ai: "426", title: "COUNTRY - FULL PROCESS", is: is(n(3, country)), inQuery: true, needs: tradeOrMaster},
	{ai: "427", title: "ORIGIN SUBDIVISION", is: is(upTo(x(3))), inQuery: true, needs: tradeOrMaster + " 422"},
}

// upToFive are the countries of 423 and 425.
func upToFive() []part {
	more := perhaps(n(3, country))
	return is(n(3, country), more, more, more, more)
}
