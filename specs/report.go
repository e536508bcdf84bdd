package specs

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Severity tells whether a problem keeps a container from being made.
type Severity uint8

const (
	// Error is a problem that makes the configuration unusable.
	Error Severity = iota
	// Warning is something that the specification tells runtimes to bear,
	// but that the author most likely did not mean.
	Warning
)

// FieldError is a problem with one field of a configuration.
type FieldError struct {
	// Path is the field, for example "mounts[1].destination" or
	// `linux.sysctl["kernel.domainname"]`.
	Path string
	// Value is the text that is wrong, where Path alone does not show it to
	// the reader; empty if Problem says it.
	Value string
	// Problem is what is wrong, in lower case and without a full stop.
	Problem string
	// Severity is Error unless it is said otherwise.
	Severity Severity
	// Err is the cause, for example an errno; nil where the text alone is
	// wrong, as in everything that Validate finds.
	Err error
}

// Error returns "path: problem", with the value in parentheses behind the path
// and the cause at the end where there are such.
func (e *FieldError) Error() string {
	s := e.Path
	if e.Value != "" {
		s += " (" + quote(e.Value) + ")"
	}
	s += ": " + e.Problem
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *FieldError) Unwrap() error { return e.Err }

// Report is everything that validation found. The zero value is one without
// problems.
type Report struct {
	// Errors are the problems that make the configuration unusable.
	Errors []*FieldError
	// Warnings are the problems that do not.
	Warnings []*FieldError
}

// Err returns nil if the report has no errors. Otherwise the result is the one
// error, or one that says them on one line, separated by "; ", and unwraps to all
// of them; beyond a hundred it only says how many more there are. Warnings are
// no part of it.
func (r *Report) Err() error {
	switch len(r.Errors) {
	case 0:
		return nil
	case 1:
		return r.Errors[0]
	}
	return fieldErrors(r.Errors)
}

// fieldErrors is two or more problems as one error.
type fieldErrors []*FieldError

func (l fieldErrors) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d problems: ", len(l))
	for i, e := range l {
		if i == maxProblems {
			fmt.Fprintf(&b, "; and %d more", len(l)-maxProblems)
			break
		}
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(e.Error())
	}
	return b.String()
}

func (l fieldErrors) Unwrap() []error {
	out := make([]error, len(l))
	for i, e := range l {
		out[i] = e
	}
	return out
}

// FieldErrors returns the field errors that err is or wraps, in order.
func FieldErrors(err error) []*FieldError {
	var many fieldErrors
	if errors.As(err, &many) {
		return many
	}
	var one *FieldError
	if errors.As(err, &one) {
		return []*FieldError{one}
	}
	return nil
}

// quote quotes text from a configuration for a message: on one line, and not
// longer than a reader needs to recognise it.
func quote(s string) string {
	const keep = 120
	if len(s) > keep {
		return strconv.Quote(strings.ToValidUTF8(s[:keep], "")) + "..."
	}
	return strconv.Quote(s)
}
