package main

import (
	"context"
	"os"

	"github.com/minirun/minirun/libcontainer"
)

// notifyVariable is where a supervisor says how it wants to hear that a service is ready, sd_notify(3).
const notifyVariable = "NOTIFY_SOCKET"

// notifyRelay is a relay to this command's supervisor. It is nil where there is none, or nobody to hear from.
type notifyRelay struct{ *libcontainer.NotifyRelay }

// listenNotify makes the relay of a container.
func listenNotify(c *libcontainer.Container) (*notifyRelay, error) {
	if os.Getenv(notifyVariable) == "" {
		return nil, nil //nolint:nilnil // as the comment on the type says
	}
	r, err := c.ListenNotify()
	if r == nil || err != nil {
		return nil, err
	}
	return &notifyRelay{r}, nil
}

// tell waits for the program and tells the supervisor that it is the process to look after, for commands that end then.
func (r *notifyRelay) tell(ctx context.Context, c *libcontainer.Container) error {
	if r == nil {
		return nil
	}
	s, err := c.State(ctx)
	if err != nil {
		return err
	}
	return r.Relay(ctx, os.Getenv(notifyVariable), s.Pid)
}

func (r *notifyRelay) close() {
	if r != nil {
		r.Close()
	}
}

// relayNotify does the same beside a program in the foreground. There this process is the one to look after: its end is the program's. The function that
// it returns ends it.
func (a *app) relayNotify(ctx context.Context, c *libcontainer.Container) func() {
	relay, err := listenNotify(c)
	if err != nil {
		a.log.Warn(err)
	}
	if relay == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer relay.close()
		if err := relay.Relay(ctx, os.Getenv(notifyVariable), os.Getpid()); err != nil && ctx.Err() == nil {
			a.log.Warn(err)
		}
	}()
	return func() {
		cancel()
		<-done
	}
}
