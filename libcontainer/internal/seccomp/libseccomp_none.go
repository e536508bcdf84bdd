//go:build !cgo || noseccomp

package seccomp

// supported says that this build can compile profiles.
const supported = false

// generated is what libseccomp made of a policy.
type generated struct {
	filter   []byte
	last     []lastCall
	own      []decision
	warnings []Warning
}

// libraryVersion returns nothing: there is no library.
func libraryVersion() string { return "" }

// generate fails: only libseccomp knows the numbers of the system calls.
func generate(*policy) (*generated, error) { return nil, ErrUnsupported }

func libraryKnows(*architecture) bool { return false }
