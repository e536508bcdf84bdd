package main

import (
	"context"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

func killCommand() command {
	return command{
		name: "kill", args: "ID [SIGNAL]", short: "send a signal (default TERM) to a container's first process",
		long:    `SIGNAL is a name, with or without SIG, or a number. A container that has stopped is an error, "container not running", except with --all.`,
		example: "minirun kill web KILL",
		setup: func(f *flags) action {
			all := f.Bool("all", false, "send it to every process of the container")
			f.alias("a", "all")
			f.hide("all")
			return func(ctx context.Context, a *app, args []string) (int, error) { return 0, kill(ctx, a, *all, args) }
		},
	}
}

func kill(ctx context.Context, a *app, all bool, args []string) error {
	if len(args) < 1 || len(args) > 2 {
		return usagef("kill: 1 or 2 arguments are needed, the container's id and the signal, not %d", len(args))
	}
	sig := unix.SIGTERM
	if len(args) == 2 {
		var err error
		if sig, err = parseSignal(args[1]); err != nil {
			return err
		}
	}
	c, err := a.load(ctx, "kill", args[:1])
	if err != nil {
		return err
	}
	if all {
		return c.SignalAll(ctx, sig)
	}
	return c.Signal(ctx, sig)
}

// parseSignal takes a number, or a name with or without SIG, in any case.
func parseSignal(s string) (unix.Signal, error) {
	if n, err := strconv.Atoi(s); err == nil {
		if n < 0 || n > 64 {
			return 0, usagef("kill: unknown signal %q", s)
		}
		return unix.Signal(n), nil
	}
	name := strings.ToUpper(s)
	if !strings.HasPrefix(name, "SIG") {
		name = "SIG" + name
	}
	if sig := unix.SignalNum(name); sig != 0 {
		return sig, nil
	}
	if sig, ok := realtimeSignal(name); ok {
		return sig, nil
	}
	return 0, usagef("kill: unknown signal %q", s)
}

// realtimeSignal knows SIGRTMIN+N and SIGRTMAX-N, signal(7), as the C library numbers them.
func realtimeSignal(name string) (unix.Signal, bool) {
	const first, last = 34, 64
	for base, prefix := range map[int]string{first: "SIGRTMIN", last: "SIGRTMAX"} {
		rest, ok := strings.CutPrefix(name, prefix)
		if !ok {
			continue
		}
		n := 0
		if rest != "" {
			var err error
			if n, err = strconv.Atoi(rest); err != nil || rest[0] != '+' && rest[0] != '-' {
				return 0, false
			}
		}
		if sig := base + n; sig >= first && sig <= last {
			return unix.Signal(sig), true
		}
	}
	return 0, false
}
