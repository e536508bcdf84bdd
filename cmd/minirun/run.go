package main

import (
	"context"

	"github.com/minirun/minirun/libcontainer"
)

type runFlags struct {
	createFlags
	detach, keep, noSubreaper bool
}

func runCommand() command {
	return command{
		name: "run", args: "ID", short: "make a container and run its program",
		long: `This is create and start at once and, in the foreground, waiting for the end and delete. Signals are passed on to the program, and with
process.terminal the caller's terminal becomes the program's.

With --detach the call ends as soon as the program runs; the container stays until delete.`,
		exit: []exitStatus{
			{-1, "the program's own, or 128 and the number of the signal that ended it"}, {0, "success, with --detach: the program runs"}, {1, "a failure of minirun"},
		},
		example: `minirun run --bundle /srv/web web
minirun run --detach -b /srv/web --pid-file /run/web.pid web`,
		setup: func(f *flags) action {
			var c runFlags
			c.register(f)
			f.BoolVar(&c.detach, "detach", false, "do not wait for the program")
			f.alias("d", "detach")
			f.BoolVar(&c.keep, "keep", false, "leave the container when its program has ended")
			f.BoolVar(&c.noSubreaper, "no-subreaper", false, "do not adopt orphans of the container")
			return c.run
		},
	}
}

func (c *runFlags) run(ctx context.Context, a *app, args []string) (int, error) {
	id, err := oneID("run", args)
	if err != nil {
		return 1, err
	}
	var fg *foreground
	if !c.detach {
		fg = newForeground(a)
		defer fg.close()
	}
	rt, err := a.runtime()
	if err != nil {
		return 1, err
	}
	o, err := c.options(a)
	if err != nil {
		return 1, err
	}
	if c.detach {
		if o.Stdio.Console, err = detachedConsole(o.Spec.Process, c.consoleSocket); err != nil {
			return 1, err
		}
		ctr, err := rt.Run(ctx, id, o)
		if err != nil {
			return 1, err
		}
		relay, err := listenNotify(ctr)
		if err != nil {
			return 1, err
		}
		defer relay.close()
		return 0, relay.tell(ctx, ctr)
	}
	if c.consoleSocket != "" {
		return 1, usagef("--console-socket: cannot use console socket if the container will not detach or allocate tty")
	}
	at := attachment{keep: c.keep, noSubreaper: c.noSubreaper}
	return at.run(ctx, a, fg, &o, func(ctx context.Context) (*libcontainer.Container, error) { return rt.Run(ctx, id, o) })
}
