package specs

import "strings"

const (
	// Version is the version of the runtime specification that the types
	// follow, and the newest one that is implemented whole.
	Version = "1.3.0"
	// VersionMin is the oldest version of which documents are understood.
	VersionMin = "1.0.0"
)

// versionProblem says what is wrong with an ociVersion, "" if nothing is. The
// specification promises that a document of any 1.x works with every later
// 1.x, and fields that a runtime does not know are to be ignored, so a newer
// minor version is fine.
func versionProblem(v string) string {
	if v == "" {
		return "must be set, for example to \"" + Version + "\""
	}
	core, build, hasBuild := strings.Cut(v, "+")
	core, pre, hasPre := strings.Cut(core, "-")
	major, rest, ok1 := strings.Cut(core, ".")
	minor, patch, ok2 := strings.Cut(rest, ".")
	if !ok1 || !ok2 || !versionNumber(major) || !versionNumber(minor) || !versionNumber(patch) ||
		hasPre && !versionLabels(pre) || hasBuild && !versionLabels(build) {
		return quote(v) + " is not a version of the form 1.2.3"
	}
	if major != "1" {
		return "version " + quote(v) + " is not supported, only 1.x is"
	}
	return ""
}

// versionNumber reports whether s is a number without leading zeros.
func versionNumber(s string) bool {
	if s == "" || len(s) > 1 && s[0] == '0' {
		return false
	}
	for _, c := range []byte(s) {
		if c-'0' > 9 {
			return false
		}
	}
	return true
}

// versionLabels reports whether s is a list of pre-release or build labels as
// Semantic Versioning 2.0.0 has them.
func versionLabels(s string) bool {
	for label := range strings.SplitSeq(s, ".") {
		if label == "" {
			return false
		}
		for _, c := range []byte(label) {
			if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '-' {
				return false
			}
		}
	}
	return true
}
