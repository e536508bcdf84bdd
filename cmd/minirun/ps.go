package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
)

func psCommand() command {
	return command{
		name: "ps", args: "ID [PS OPTION...]", short: "list the processes of a container",
		long: `The processes are those in the container's cgroup. The table is that of ps(1), which gets the options after the id; the default is -ef. As JSON it is an
array of process ids.`,
		example: "minirun ps web -ef",
		setup: func(f *flags) action {
			format := f.String("format", "table", "table or json")
			f.alias("f", "format")
			return func(ctx context.Context, a *app, args []string) (int, error) { return 0, ps(ctx, a, *format, args) }
		},
	}
}

func ps(ctx context.Context, a *app, format string, args []string) error {
	if len(args) < 1 {
		return usagef("ps: at least 1 argument is needed, the container's id")
	}
	if format != "table" && format != "json" {
		return usagef("ps: --format %q: it must be table or json", format)
	}
	c, err := a.load(ctx, "ps", args[:1])
	if err != nil {
		return err
	}
	pids, err := c.Processes(ctx)
	if err != nil {
		return err
	}
	if format == "json" {
		if pids == nil {
			pids = []int{}
		}
		return printJSON(a.stdout, pids)
	}
	options := args[1:]
	if len(options) == 0 {
		options = []string{"-ef"}
	}
	cmd := exec.CommandContext(ctx, "ps", options...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("ps %s: %w: %s", strings.Join(options, " "), err, strings.TrimSpace(stderr.String()))
	}
	rows, err := rowsOf(string(out), pids)
	if err != nil {
		return err
	}
	fmt.Fprint(a.stdout, rows)
	return nil
}

// rowsOf keeps the header and the rows of the given processes.
func rowsOf(out string, pids []int) (string, error) {
	header, rest, _ := strings.Cut(out, "\n")
	column := slices.Index(strings.Fields(header), "PID")
	if column < 0 {
		return "", fmt.Errorf("ps: no PID column in its output: %q", header)
	}
	var b strings.Builder
	b.WriteString(header + "\n")
	for line := range strings.Lines(rest) {
		f := strings.Fields(line)
		if column >= len(f) {
			continue
		}
		if pid, err := strconv.Atoi(f[column]); err == nil && slices.Contains(pids, pid) {
			b.WriteString(line)
		}
	}
	return b.String(), nil
}
