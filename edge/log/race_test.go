//go:build race

package log

// raced says that the tests run with the race detector, under which the long ones try fewer cases.
const raced = true
