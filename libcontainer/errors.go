package libcontainer

import (
	"errors"
	"fmt"

	"github.com/minirun/minirun/cgroups"
)

// Errors that callers tell apart with errors.Is. The texts are those that callers of runtimes search for.
var (
	// ErrExist is returned by Create and Run for an id that is in use.
	ErrExist = errors.New("container with given ID already exists")
	// ErrNotExist is returned for an id that no container has.
	ErrNotExist = errors.New("container does not exist")
	// ErrInvalidID is returned for an id with other characters than letters, digits and "_+-.", for the names "." and "..", and for more than 1024 bytes.
	ErrInvalidID = errors.New("invalid container ID format")
	// ErrNotRunning is returned for what needs a live process.
	ErrNotRunning = errors.New("container not running")
	// ErrRunning is returned for what needs a stopped or a created container.
	ErrRunning = errors.New("container is running")
	// ErrStopped is returned by Start for a container whose process has ended.
	ErrStopped = errors.New("container has stopped")
	// ErrPaused is returned by Exec in, and Pause of, a paused container.
	ErrPaused = errors.New("container is paused")
	// ErrNotPaused is returned by Resume.
	ErrNotPaused = errors.New("container not paused")
	// ErrNotChild is returned by Wait for a process that this program did not start.
	ErrNotChild = errors.New("process is not a child of this program")
	// ErrStatusTaken is returned by Wait for a process that has ended, but whose exit status another wait of this program took: wait4(-1) reaps any child.
	ErrStatusTaken = errors.New("process has ended, but something else in this program took its exit status")
)

// ContainerError is what the verbs of a container return: the operation, the container's id and the reason.
type ContainerError struct {
	Op  string // "create", "start", ...
	ID  string
	Err error
}

// Error implements error. The operation and the id are not part of the text: callers of the binary know what they asked for, and
// match on the beginning of the text.
func (e *ContainerError) Error() string { return e.Err.Error() }

// Unwrap returns the reason.
func (e *ContainerError) Unwrap() error { return e.Err }

// fieldError names the field of the configuration, or the object, that something went wrong for.
func fieldError(field string, err error) error {
	if field == "" || err == nil {
		return err
	}
	var known *cgroups.FieldError
	var other *otherFieldError
	if errors.As(err, &known) || errors.As(err, &other) { // it names a field already, and more exactly
		return err
	}
	return fmt.Errorf("%s: %w", field, err)
}

// otherFieldError is the failure of a step that concerns another field than the one that the step is there for.
type otherFieldError struct {
	field string
	err   error
}

// Error implements error.
func (e *otherFieldError) Error() string { return e.field + ": " + e.err.Error() }

// Unwrap returns the reason.
func (e *otherFieldError) Unwrap() error { return e.err }
