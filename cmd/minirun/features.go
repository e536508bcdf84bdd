package main

import (
	"context"

	"github.com/minirun/minirun/libcontainer"
)

func featuresCommand() command {
	return command{
		name: "features", args: "", short: "print what this runtime can do, as JSON",
		long: `The document is that of the specification, features.md: what this program can do on any host. Whether the present host can do it is the matter of
check.`,
		example: "minirun features | jq .linux.seccomp",
		setup: func(*flags) action {
			return func(ctx context.Context, a *app, args []string) (int, error) {
				if len(args) != 0 {
					return 1, usagef("features: no arguments are needed, not %d", len(args))
				}
				f := libcontainer.Features()
				if f.Annotations == nil {
					f.Annotations = map[string]string{}
				}
				// The names are those that engines look for.
				f.Annotations["org.opencontainers.runc.version"] = version
				f.Annotations["org.opencontainers.runc.commit"] = commit
				f.Annotations["org.opencontainers.runc.checkpoint.enabled"] = "true"
				return 0, printJSON(a.stdout, f)
			}
		},
	}
}
