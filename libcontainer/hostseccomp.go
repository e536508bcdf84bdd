package libcontainer

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// flagNewListener is SECCOMP_FILTER_FLAG_NEW_LISTENER, seccomp(2).
const flagNewListener = unix.SECCOMP_FILTER_FLAG_NEW_LISTENER

// run fetches the listener out of the init, which must not call sendmsg(2) itself: the filter may already stop it there, for the
// agent that has not got the listener yet.
func (o hostDeliverListener) run(_ context.Context, r *runner) error {
	fd, err := unix.PidfdGetfd(int(r.child.PidFD().Fd()), int(r.event.Aux), 0)
	if err != nil {
		return fmt.Errorf("pidfd_getfd of the listener: %w", err)
	}
	listener := os.NewFile(uintptr(fd), "seccomp listener")
	defer listener.Close()
	state, err := json.Marshal(r.listenerState(o.Metadata))
	if err != nil {
		return err
	}
	return sendFile(o.Path, string(state), listener)
}
