package main

import (
	"context"
	"fmt"
	"io"

	"github.com/minirun/minirun/libcontainer"
	"github.com/minirun/minirun/specs"
)

// statusFindings is the exit status of a check that found what will fail; 1 is for a check that could not be carried out.
const statusFindings = 2

func checkCommand() command {
	return command{
		name: "check", args: "", short: "tell what of a bundle will fail or be ignored on this host, without making anything",
		long: `The configuration is compared with the specification and with this host: the files that it names, the kernel's features, cgroup controllers, the
caller's rights. Every problem is printed at once, one a line, with the path of its field: what will fail after "error:", what will be ignored after
"warning:". Nothing is made or changed.

A bundle without errors can still fail: what the kernel accepts is known for sure only when it is tried, and what a mount or a hook may
provide is not looked for.`,
		exit: []exitStatus{{0, "nothing will fail, there may be warnings"}, {statusFindings, "something will fail"}, {1, "the bundle could not be checked"}},
		example: `minirun check --bundle /srv/web
minirun check -b /srv/web --format json | jq -r '.errors[].path'`,
		setup: func(f *flags) action {
			bundle := f.String("bundle", ".", "directory of the bundle")
			f.alias("b", "bundle")
			format := f.String("format", "text", "text or json")
			f.alias("f", "format")
			noPivot := f.Bool("no-pivot", false, "check for a create with this flag")
			return func(ctx context.Context, a *app, args []string) (int, error) {
				if len(args) != 0 {
					return 1, usagef("check: no arguments are needed, not %d", len(args))
				}
				return a.checkBundle(ctx, *format, libcontainer.CreateOptions{Bundle: *bundle, NoPivot: *noPivot, SystemdCgroup: a.systemdCgroup, NoCgroup: a.noCgroup()})
			}
		},
	}
}

func (a *app) checkBundle(ctx context.Context, format string, o libcontainer.CreateOptions) (int, error) {
	if format != "text" && format != "json" {
		return 1, usagef("check: --format %q: it must be text or json", format)
	}
	rt, err := a.runtime()
	if err != nil {
		return 1, err
	}
	report, err := rt.Check(ctx, o)
	if err != nil {
		return 1, err
	}
	status := 0
	if len(report.Errors) > 0 {
		status = statusFindings
	}
	if format == "json" {
		return status, printJSON(a.stdout, findings{
			Errors: findingsJSON(report.Errors), Warnings: findingsJSON(report.Warnings),
		})
	}
	return status, printFindings(a.stdout, report)
}

// findings is the report for programs. Both lists are there even when they are empty.
type findings struct {
	Errors   []finding `json:"errors"`
	Warnings []finding `json:"warnings"`
}

// finding is one problem: the path of the field, the wrong value where the problem does not quote it, and what is wrong.
type finding struct {
	Path    string `json:"path"`
	Value   string `json:"value,omitempty"`
	Problem string `json:"problem"`
}

func findingsJSON(list []*specs.FieldError) []finding {
	out := make([]finding, len(list))
	for i, e := range list {
		out[i] = finding{e.Path, e.Value, e.Problem}
	}
	return out
}

func printFindings(w io.Writer, report *specs.Report) error {
	for _, e := range report.Errors {
		if _, err := fmt.Fprintln(w, "error:", oneLine(e)); err != nil {
			return err
		}
	}
	for _, e := range report.Warnings {
		if _, err := fmt.Fprintln(w, "warning:", oneLine(e)); err != nil {
			return err
		}
	}
	return nil
}
