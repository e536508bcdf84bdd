package main

import "context"

func pauseCommand() command {
	return command{
		name: "pause", args: "ID", short: "stop all processes of a container where they stand",
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
