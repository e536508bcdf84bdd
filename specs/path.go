package specs

import (
	"strconv"
	"strings"
)

// member returns the path of the member called name of the object at path. A
// name that is no plain word, as keys of maps often are, is quoted:
// linux.sysctl["net.core.somaxconn"].
func member(path, name string) string {
	switch {
	case !isWord(name):
		return path + "[" + strconv.Quote(name) + "]"
	case path == "":
		// A copy, so that the compiler sees that no place is kept by its path.
		return strings.Clone(name)
	}
	return path + "." + name
}

// Member returns the path of an entry of a map of the configuration, as the errors of this package have it: linux.netDevices.eth0,
// linux.sysctl["net.core.somaxconn"].
func Member(path, name string) string { return member(path, name) }

// element returns the path of an element of the array at path.
func element(path string, i int) string {
	return path + "[" + strconv.Itoa(i) + "]"
}

// isWord reports whether a name can stand in a path without quotes.
func isWord(name string) bool {
	for i, c := range []byte(name) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}

// pathFinder walks a document that is known to be JSON once more, to find
// which fields the values at some offsets belong to.
type pathFinder struct {
	d     decoder
	want  []misfit // in the order of their offsets
	found []string // paths of the first of them
}

// fieldPaths returns the path of each misfit of the document s, which as a
// whole has the path root.
func fieldPaths(s, root string, bad []misfit) []string {
	f := pathFinder{d: decoder{s: s}, want: bad}
	f.walk(func() string { return root })
	for len(f.found) < len(bad) {
		f.found = append(f.found, "")
	}
	return f.found
}

// walk consumes the next value, whose path is given by a function because
// almost none is ever asked for.
func (f *pathFinder) walk(path func() string) {
	c := f.d.peek()
	for len(f.found) < len(f.want) && f.want[len(f.found)].at == f.d.i {
		f.found = append(f.found, path())
	}
	switch {
	case len(f.found) == len(f.want):
		// All are found: the rest of the document does not matter.
		f.d.i = len(f.d.s)
	case c == '{':
		for ok := f.d.object(); ok; ok = f.d.members() {
			name := f.d.key()
			f.walk(func() string { return member(path(), name) })
		}
	case c == '[':
		i := 0
		for ok := f.d.array(); ok; ok = f.d.elements() {
			f.walk(func() string { return element(path(), i) })
			i++
		}
	default:
		f.d.skip()
	}
}
