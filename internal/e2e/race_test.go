//go:build race

package e2e

// raced says that the tests run with the race detector. The programs that whole days are played with are not built with it and
// need their speed, so these days are played by the plain test run only.
const raced = true
