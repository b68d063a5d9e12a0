// Package version tells which build this is.
package version

import "runtime/debug"

// number is the version of this source; releases raise it.
const number = "0.1.0"

// Text is the version and, where the build knows it, the commit.
func Text() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return number
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return number + "+" + s.Value[:12]
		}
	}
	return number
}
