package main

import (
	"context"
	"errors"

	"github.com/minirun/minirun/libcontainer"
)

// attachment says how a container is kept in the foreground.
type attachment struct {
	keep        bool // leave the container when its program has ended
	noSubreaper bool // do not adopt orphans of the container
}

// run makes a container with the options and waits: the program's end is this one's, with its exit status. Signals and the terminal are
// passed on.
func (at attachment) run(
	ctx context.Context, a *app, fg *foreground, o *libcontainer.CreateOptions, create func(context.Context) (*libcontainer.Container, error),
) (int, error) {
	if !at.noSubreaper {
		if err := becomeSubreaper(); err != nil {
			return 1, err
		}
	}
	o.BeforeMaking = fg.ready
	if o.Spec.Process != nil && o.Spec.Process.Terminal {
		o.Stdio.Console = fg.console
	}
	var ctr *libcontainer.Container
	err := fg.during(ctx, func(ctx context.Context) (err error) {
		ctr, err = create(ctx)
		return err
	})
	if err != nil {
		return 1, err
	}
	a.releaseWarnings()
	stop := a.relayNotify(ctx, ctr)
	defer stop()
	status, err := fg.wait(ctx, ctr.Process())
	if at.keep {
		return status.ShellCode(), err
	}
	derr := ctr.Delete(ctx, libcontainer.DeleteOptions{Force: true})
	return status.ShellCode(), errors.Join(err, derr)
}
