package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/minirun/minirun/libcontainer"
)

func listCommand() command {
	return command{
		name: "list", args: "", short: "list the containers of the root directory",
		long: `The table has the columns ID, PID, STATUS, BUNDLE, CREATED and OWNER. A root directory that is not there has no containers; one that was given
with --root must be there.`,
		example: `minirun list
minirun --root /run/web list --format json`,
		setup: func(f *flags) action {
			format := f.String("format", "table", "table or json")
			f.alias("f", "format")
			quiet := f.Bool("quiet", false, "print the ids only")
			f.alias("q", "quiet")
			return func(ctx context.Context, a *app, args []string) (int, error) {
				if len(args) != 0 {
					return 1, usagef("list: no arguments are needed, not %d", len(args))
				}
				return 0, a.list(ctx, *format, *quiet)
			}
		},
	}
}

func (a *app) list(ctx context.Context, format string, quiet bool) error {
	if format != "table" && format != "json" {
		return usagef("list: --format %q: it must be table or json", format)
	}
	if a.rootGiven {
		if _, err := os.Stat(a.root); err != nil {
			return fmt.Errorf("--root: %w", err)
		}
	}
	rt, err := a.runtime()
	if err != nil {
		return err
	}
	all, err := rt.List(ctx)
	if err != nil {
		return err
	}
	states := []stateJSON{}
	for _, c := range all {
		s, err := c.State(ctx)
		if errors.Is(err, libcontainer.ErrNotExist) { // deleted meanwhile
			continue
		}
		if err != nil {
			return err
		}
		states = append(states, newStateJSON(s, ownerName(s.OwnerUID)))
	}
	switch {
	case quiet:
		for _, s := range states {
			fmt.Fprintln(a.stdout, s.ID)
		}
		return nil
	case format == "json":
		return printJSON(a.stdout, states)
	}
	return table(a.stdout, states)
}

func table(w io.Writer, states []stateJSON) error {
	t := tabwriter.NewWriter(w, 12, 1, 3, ' ', 0)
	fmt.Fprint(t, "ID\tPID\tSTATUS\tBUNDLE\tCREATED\tOWNER\n")
	for _, s := range states {
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\t%s\n", s.ID, s.Pid, s.Status, s.Bundle, s.Created.Format(time.RFC3339Nano), s.Owner)
	}
	return t.Flush()
}
