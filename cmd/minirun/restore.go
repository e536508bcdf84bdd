package main

import (
	"context"

	"github.com/minirun/minirun/libcontainer"
)

type restoreFlags struct {
	criuFlags
	create              createFlags
	o                   libcontainer.RestoreOptions
	detach, noSubreaper bool
}

func restoreCommand() command {
	return command{
		name: "restore", args: "ID", short: "bring a container back from a checkpoint, with CRIU",
		long: `The container is made of the bundle and goes on where it was when the checkpoint was written. ID is a new name, or that of the container that ended
with the checkpoint. In the foreground the call waits for the end, as run does.`,
		exit: []exitStatus{
			{-1, "the program's own, or 128 and the number of the signal that ended it"}, {0, "success, with --detach: the program runs"}, {1, "a failure of minirun"},
		},
		example: "minirun restore --bundle /srv/web --image-path /var/lib/web.checkpoint --detach web",
		setup: func(f *flags) action {
			var c restoreFlags
			c.register(f)
			f.StringVar(&c.create.bundle, "bundle", ".", "directory of the bundle")
			f.alias("b", "bundle")
			f.StringVar(&c.create.consoleSocket, "console-socket", "", "AF_UNIX socket that receives the controlling side of the terminal")
			f.StringVar(&c.create.pidFile, "pid-file", "", "file to write the process id to")
			f.BoolVar(&c.create.noPivot, "no-pivot", false, "accepted for callers that pass it: the root is as it was saved")
			f.BoolVar(&c.detach, "detach", false, "do not wait for the program")
			f.alias("d", "detach")
			f.BoolVar(&c.noSubreaper, "no-subreaper", false, "do not adopt orphans of the container")
			f.BoolVar(&c.o.TCPClose, "tcp-close", false, "bring open TCP connections back as closed ones")
			f.StringVar(&c.o.LSMProfile, "lsm-profile", "", "TYPE:NAME, security profile instead of the one that was saved")
			f.StringVar(&c.o.LSMMountContext, "lsm-mount-context", "", "security context of mounts instead of the one that was saved")
			return c.run
		},
	}
}

func (c *restoreFlags) run(ctx context.Context, a *app, args []string) (int, error) {
	id, err := oneID("restore", args)
	if err != nil {
		return 1, err
	}
	rt, err := a.runtime()
	if err != nil {
		return 1, err
	}
	o := c.o
	if err := lsmProfile(o.LSMProfile); err != nil {
		return 1, err
	}
	if o.CRIUOptions, err = c.options(); err != nil {
		return 1, err
	}
	if o.CreateOptions, err = c.create.options(a); err != nil {
		return 1, err
	}
	if c.detach {
		if o.Stdio.Console, err = detachedConsole(o.Spec.Process, c.create.consoleSocket); err != nil {
			return 1, err
		}
		return 0, interruptible(ctx, func(ctx context.Context) error {
			_, err := rt.Restore(ctx, id, o)
			return err
		})
	}
	if c.create.consoleSocket != "" {
		return 1, usagef("--console-socket: cannot use console socket if the container will not detach or allocate tty")
	}
	fg := newForeground(a)
	defer fg.close()
	at := attachment{noSubreaper: c.noSubreaper}
	return at.run(ctx, a, fg, &o.CreateOptions, func(ctx context.Context) (*libcontainer.Container, error) { return rt.Restore(ctx, id, o) })
}
