package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/minirun/minirun/libcontainer"
)

func planCommand() command {
	return command{
		name: "plan", args: "[ID]", short: "print what create would do, without doing it",
		long: `The plan is the ordered list of all steps from an empty name to the running program: those of the host's side, and those of the init in the
container's namespaces, each with the field of the configuration that it is there for. Nothing is made.`,
		example: `minirun plan --bundle /srv/web
minirun plan -b /srv/web --format json | jq '.[] | select(.side == "host")'`,
		setup: func(f *flags) action {
			bundle := f.String("bundle", ".", "directory of the bundle")
			f.alias("b", "bundle")
			format := f.String("format", "text", "text or json")
			f.alias("f", "format")
			return func(ctx context.Context, a *app, args []string) (int, error) {
				return 0, plan(a, *bundle, *format, args)
			}
		},
	}
}

func plan(a *app, bundle, format string, args []string) error {
	if format != "text" && format != "json" {
		return usagef("plan: --format %q: it must be text or json", format)
	}
	id := "ID"
	if len(args) > 0 {
		var err error
		if id, err = oneID("plan", args); err != nil {
			return err
		}
	}
	rt, err := a.runtime()
	if err != nil {
		return err
	}
	p, err := rt.Plan(id, libcontainer.CreateOptions{Bundle: bundle, SystemdCgroup: a.systemdCgroup, NoCgroup: a.noCgroup()})
	if err != nil {
		return err
	}
	if format == "json" {
		return printJSON(a.stdout, planJSON(p))
	}
	return planText(a.stdout, p)
}

// stepJSON is one step of a plan for programs.
type stepJSON struct {
	Index     int            `json:"index"`
	Side      string         `json:"side"`
	Op        string         `json:"op"`
	Arguments map[string]any `json:"arguments,omitempty"`
	Because   string         `json:"because"`
}

func planJSON(p *libcontainer.Plan) []stepJSON {
	steps := make([]stepJSON, 0, len(p.Items))
	for i, it := range p.Items {
		s := stepJSON{Index: i, Side: it.Side(), Op: it.Op.OpName(), Because: it.Because}
		for _, f := range it.Op.Fields() {
			if s.Arguments == nil {
				s.Arguments = map[string]any{}
			}
			s.Arguments[f.Name] = f.Value
		}
		steps = append(steps, s)
	}
	return steps
}

func planText(w io.Writer, p *libcontainer.Plan) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprint(t, "#\tside\tbecause of\toperation\n")
	for i, it := range p.Items {
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\n", i, it.Side(), it.Because, it)
	}
	return t.Flush()
}
