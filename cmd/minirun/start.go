package main

import (
	"context"

	"github.com/minirun/minirun/libcontainer"
)

func startCommand() command {
	return command{
		name: "start", args: "ID", short: "run the program of a created container",
		long: `The program of process.args is executed, after the hooks of startContainer. An error of these, or of the execution, is the error of start. The
standard streams are those that create was given.`,
		example: "minirun start web",
		setup: func(*flags) action {
			return func(ctx context.Context, a *app, args []string) (int, error) {
				c, err := a.load(ctx, "start", args)
				if err != nil {
					return 1, err
				}
				relay, err := listenNotify(c)
				if err != nil {
					return 1, err
				}
				defer relay.close()
				if err := c.Start(ctx); err != nil {
					return 1, err
				}
				return 0, relay.tell(ctx, c)
			}
		},
	}
}

// load finds the one container that the arguments name.
func (a *app) load(ctx context.Context, name string, args []string) (*libcontainer.Container, error) {
	id, err := oneID(name, args)
	if err != nil {
		return nil, err
	}
	rt, err := a.runtime()
	if err != nil {
		return nil, err
	}
	return rt.Load(ctx, id)
}
