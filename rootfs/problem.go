package rootfs

import "strings"

// Problem is one thing that is wrong (or, as a warning, doubtful) in a configuration.
type Problem struct {
	// Path is the JSON path of the field: mounts[7].options[2].
	Path string
	// Value is the offending text as it stands in the configuration, empty where the path says all.
	Value string
	// Text says what is wrong, in lower case, without the path and the value.
	Text string
}

// Error returns the problem as one line: mounts[7].options[2] ("size=bogus"): text.
func (p Problem) Error() string {
	if p.Value == "" {
		return p.Path + ": " + p.Text
	}
	return p.Path + " (" + quote(p.Value) + "): " + p.Text
}

// Problems is the error type of Compile: everything that is wrong, in the order of the configuration.
type Problems []Problem

// Error returns all problems on one line, separated by semicolons.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i := range p {
		lines[i] = p[i].Error()
	}
	return strings.Join(lines, "; ")
}

// Unwrap returns the problems one by one, for errors.As.
func (p Problems) Unwrap() []error {
	errs := make([]error, len(p))
	for i := range p {
		errs[i] = p[i]
	}
	return errs
}
