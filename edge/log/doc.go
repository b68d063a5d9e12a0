// Package log keeps what a device may not forget: the replicated log of events and that of readings, and the device's
// local state, in one bbolt file. Recording and changing state is one transaction. Nothing is deleted but what the hub
// said is safe (DeleteUpTo), and readings that no longer fit (a protocol.Thinned record stands for them).
//
// See DESIGN.md for what is stored, how room is shared and what happens to damaged bytes.
package log
