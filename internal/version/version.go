// Package version tells which build this is.
package version

import "runtime/debug"

// number is the version of this source; releases raise it.
const number = "0.1.0"

// commitShown is how many digits of a commit's hash tell it from all others here.
const commitShown = 12

// Text is the version and, where the build knows it, the commit, with a mark when there were changes on top of it: 0.1.0,
// 0.1.0+0123456789ab, 0.1.0+0123456789ab.modified.
func Text() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return number
	}
	return text(info.Settings)
}

func text(build []debug.BuildSetting) string {
	commit, modified := "", ""
	for _, s := range build {
		switch {
		case s.Key == "vcs.revision" && len(s.Value) >= commitShown:
			commit = "+" + s.Value[:commitShown]
		case s.Key == "vcs.modified" && s.Value == "true":
			modified = ".modified"
		}
	}
	if commit == "" {
		return number
	}
	return number + commit + modified
}
