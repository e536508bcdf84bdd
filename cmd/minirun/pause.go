package main

import "context"

func pauseCommand() command {
	return command{
		name: "pause", args: "ID", short: "stop all processes of a container where they stand",
		long: `All processes of the container's cgroup and of those below it are frozen; the status is paused then. A created container can be paused too. Where it
cannot be done, nothing stays frozen, and the status is not paused.

A paused container takes no exec and no start, but update, delete --force and kill: SIGKILL ends it, other signals arrive when it is resumed.`,
		example: "minirun pause web",
		setup: func(*flags) action {
			return func(ctx context.Context, a *app, args []string) (int, error) {
				c, err := a.load(ctx, "pause", args)
				if err != nil {
					return 1, err
				}
				return 0, c.Pause(ctx)
			}
		},
	}
}

func resumeCommand() command {
	return command{
		name: "resume", args: "ID", short: "let the processes of a paused container go on",
		long:    "A container that stays frozen because a cgroup above its own is frozen is an error that names that cgroup.",
		example: "minirun resume web",
		setup: func(*flags) action {
			return func(ctx context.Context, a *app, args []string) (int, error) {
				c, err := a.load(ctx, "resume", args)
				if err != nil {
					return 1, err
				}
				return 0, c.Resume(ctx)
			}
		},
	}
}
