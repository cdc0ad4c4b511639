// This file says which lockd this is. The commit comes from what the Go tool stamps into the binary, so
// that no build script can forget it.

package server

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// Version is the release that this source is, or leads to.
const Version = "0.1.0"

// Commit returns the commit that the binary was built from, with a "+" if the source was changed since,
// or "unknown" if it was not built in a checkout.
func Commit() string {
	info, found := debug.ReadBuildInfo()
	if !found {
		return "unknown"
	}
	return commitOf(info.Settings)
}

func commitOf(stamps []debug.BuildSetting) string {
	commit, changed := "unknown", ""
	for _, s := range stamps {
		switch {
		case s.Key == "vcs.revision" && s.Value != "":
			commit = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = "+"
		}
	}
	return commit + changed
}

// versionLine is what "lockd version" prints.
func versionLine() string {
	return fmt.Sprintf("lockd %s, commit %s, %s %s/%s",
		Version, Commit(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
