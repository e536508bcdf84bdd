package cgroups

import (
	"errors"
	"strings"
)

// FieldError is a problem with one field of the configuration: a value that no
// cgroup can have, that this host's cgroups cannot express, or that the kernel
// refused.
type FieldError struct {
	// Field is the path of the field in config.json, for instance
	// linux.resources.memory.limit or linux.resources.devices[2].
	Field string
	// Err says what is wrong. Where the kernel refused a write it wraps a
	// *WriteError, and through it the errno.
	Err error
}

// Error returns the field and the problem on one line.
func (e *FieldError) Error() string { return e.Field + ": " + e.Err.Error() }

// Unwrap returns Err.
func (e *FieldError) Unwrap() error { return e.Err }

// FieldErrors is every problem that Compile found, in the order of the spec's
// sections. It is never empty when returned as an error.
type FieldErrors []*FieldError

// Error returns all problems on one line, separated by semicolons.
func (e FieldErrors) Error() string {
	s := make([]string, len(e))
	for i, f := range e {
		s[i] = f.Error()
	}
	return strings.Join(s, "; ")
}

// Unwrap returns the single problems, so that errors.As finds the first
// *FieldError.
func (e FieldErrors) Unwrap() []error {
	errs := make([]error, len(e))
	for i, f := range e {
		errs[i] = f
	}
	return errs
}

// Warning is something that was not done exactly as the configuration says
// but does not make it invalid.
type Warning struct {
	// Field is the field of config.json that the warning is about.
	Field string
	// Text says what was done instead, in lower case and on one line.
	Text string
}

// String returns the field and the text on one line.
func (w Warning) String() string { return w.Field + ": " + w.Text }

// WriteError is a value that the kernel did not take.
type WriteError struct {
	// Value is what was written, without a final newline.
	Value string
	// File is the name of the file in the cgroup, for instance memory.max, or
	// "bpf" for the device program of version 2.
	File string
	// Path is the cgroup below its hierarchy's mount point, for instance /a/b.
	Path string
	// Hint is an explanation of the errno for this file, or empty.
	Hint string
	// Err is the errno.
	Err error
}

// Error returns for instance "write 1 to memory.limit_in_bytes of /a/b: device
// or resource busy".
func (e *WriteError) Error() string {
	s := "write " + e.Value + " to " + e.File + " of " + e.Path + ": " + e.Err.Error()
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}

// Unwrap returns the errno.
func (e *WriteError) Unwrap() error { return e.Err }

// ErrFrozen is wrapped by the error of Create when the cgroup, or one above
// it, is frozen: a process that joined it would never run.
var ErrFrozen = errors.New("the cgroup is frozen")

// ErrInUse is wrapped by the error of Create when there are processes in the
// cgroup already: limits and signals for one user would hit the other.
var ErrInUse = errors.New("the cgroup is in use")

// ErrNoFreezer is wrapped by the errors of Freeze and Thaw when the cgroup is
// in no hierarchy that can freeze.
var ErrNoFreezer = errors.New("no freezer in any hierarchy of the cgroup")
