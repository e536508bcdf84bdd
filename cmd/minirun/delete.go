package main

import (
	"context"

	"github.com/minirun/minirun/libcontainer"
)

func deleteCommand() command {
	return command{
		name: "delete", args: "ID", short: "remove a container whose program has ended",
		long: `What create has made is removed: the cgroup, the state, and with it the name. Hooks of poststop run then. A container that runs is an error without
--force; one that was created and never started is killed.`,
		example: `minirun delete web
minirun delete --force web`,
		setup: func(f *flags) action {
			force := f.Bool("force", false, "kill the container if it runs; that there is none is no error")
			f.alias("f", "force")
			return func(ctx context.Context, a *app, args []string) (int, error) { return 0, del(ctx, a, *force, args) }
		},
	}
}

func del(ctx context.Context, a *app, force bool, args []string) error {
	id, err := oneID("delete", args)
	if err != nil {
		return err
	}
	rt, err := a.runtime()
	if err != nil {
		return err
	}
	if force {
		return rt.Remove(ctx, id)
	}
	c, err := rt.Load(ctx, id)
	if err != nil {
		return err
	}
	return c.Delete(ctx, libcontainer.DeleteOptions{})
}
