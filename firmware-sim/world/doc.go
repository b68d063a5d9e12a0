// Package world is the physical world around the simulated chips: the heat in fridges and shippers, doors with their locks,
// the mains, the weather. It knows no agents: it moves pins and answers what temperature a probe has.
//
// Nothing here has a goroutine. Heat is computed when somebody asks, in steps of one second from the last time on, so that the
// result depends on what happened when, and not on who looked how often. Time comes from a clock's Now. One seed and the same
// acts at the same times give the same world.
//
// Interfaces speak in thousandths of a degree Celsius; inside, physics is float64 in degrees, joules, watts and seconds.
//
// Parameters carry their source. Where there is none, the value is plain plausible, and the comment says so.
package world
