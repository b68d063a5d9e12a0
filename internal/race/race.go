//go:build race

// Package race tells tests whether the race detector is on, under which the long ones try fewer cases.
package race

// Enabled says that the race detector is on.
const Enabled = true
