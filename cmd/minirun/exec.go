package main

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/minirun/minirun/libcontainer"
	"github.com/minirun/minirun/specs"
)

type execFlags struct {
	consoleSocket, pidFDSocket, pidFile   string
	process, cwd                          string
	user                                  *string // nil: as in the configuration
	label, apparmor                       string
	env, caps, gids, cgroups              list
	tty, detach, noNewPrivs, ignorePaused bool
	preserveFDs                           int
}

func execCommand() command {
	return command{
		name: "exec", args: "ID COMMAND [ARGUMENT...]", short: "run another program in a running container",
		long: `The program starts in all namespaces of the container and in its cgroup, with the user, environment, working directory, capabilities and limits of the
container's own process, as far as the flags do not say otherwise, or with those of the file of --process. What follows the id is the program's own: flags
come before.`,
		exit: []exitStatus{
			{-1, "the program's own, or 128 and the number of the signal that ended it"}, {0, "success, with --detach: the program runs"}, {255, "a failure of minirun"},
		},
		example: "minirun exec -t web sh",
		setup: func(f *flags) action {
			var c execFlags
			c.register(f)
			return c.exec
		},
	}
}

func (c *execFlags) register(f *flags) {
	f.StringVar(&c.consoleSocket, "console-socket", "", "AF_UNIX socket that receives the controlling side of the terminal")
	f.StringVar(&c.pidFDSocket, "pidfd-socket", "", "AF_UNIX socket that receives a pidfd of the process")
	f.StringVar(&c.pidFile, "pid-file", "", "file to write the process id to")
	f.StringVar(&c.process, "process", "", "file with the process as JSON, instead of a command")
	f.alias("p", "process")
	f.StringVar(&c.cwd, "cwd", "", "working directory")
	f.Var(&c.env, "env", "NAME=VALUE for the environment; may be repeated")
	f.alias("e", "env")
	f.BoolVar(&c.tty, "tty", false, "give the program a terminal")
	f.alias("t", "tty")
	f.Func("user", "UID or UID:GID, numbers", func(s string) error { c.user = &s; return nil })
	f.alias("u", "user")
	f.Var(&c.gids, "additional-gids", "supplementary group; may be repeated")
	f.alias("g", "additional-gids")
	f.BoolVar(&c.detach, "detach", false, "do not wait for the program")
	f.alias("d", "detach")
	f.StringVar(&c.label, "process-label", "", "SELinux label")
	f.StringVar(&c.apparmor, "apparmor", "", "AppArmor profile")
	f.BoolVar(&c.noNewPrivs, "no-new-privs", false, "set no_new_privs")
	f.Var(&c.caps, "cap", "capability to add to the bounding, effective and permitted sets; may be repeated")
	f.alias("c", "cap")
	f.IntVar(&c.preserveFDs, "preserve-fds", 0, "hand on so many descriptors from 3 on")
	f.Var(&c.cgroups, "cgroup", "[CONTROLLER[,CONTROLLER...]:]PATH, cgroup below the container's to run in; may be repeated")
	f.BoolVar(&c.ignorePaused, "ignore-paused", false, "do not refuse a paused container")
}

func (c *execFlags) exec(ctx context.Context, a *app, args []string) (int, error) {
	if len(args) < 1 || len(args) < 2 && c.process == "" {
		return 255, usagef("exec: at least 2 arguments are needed, the container's id and the command, not %d", len(args))
	}
	var fg *foreground
	if !c.detach {
		fg = newForeground(a)
		defer fg.close()
	}
	ctr, err := a.load(ctx, "exec", args[:1])
	if err != nil {
		return 255, err
	}
	c.warnIgnored(a, args[1:])
	p, err := c.processOf(ctr, args[1:])
	if err != nil {
		return 255, err
	}
	o := libcontainer.ExecOptions{
		Process: p, PidFDSocket: c.pidFDSocket, IgnorePaused: c.ignorePaused, SubCgroups: c.cgroups,
		Stdio: libcontainer.Stdio{Stdin: a.stdin, Stdout: a.stdout, Stderr: a.stderr},
	}
	if o.PidFile, err = absolute(c.pidFile); err != nil {
		return 255, err
	}
	if o.PreserveFiles, err = preserved(c.preserveFDs); err != nil {
		return 255, err
	}
	return c.start(ctx, a, fg, ctr, o)
}

func (c *execFlags) start(ctx context.Context, a *app, fg *foreground, ctr *libcontainer.Container, o libcontainer.ExecOptions) (int, error) {
	var err error
	if c.detach || c.consoleSocket != "" {
		if o.Stdio.Console, err = detachedConsole(o.Process, c.consoleSocket); err != nil {
			return 255, err
		}
	}
	if c.detach {
		_, err := ctr.Exec(ctx, o)
		return 0, err
	}
	if err := becomeSubreaper(); err != nil {
		return 255, err
	}
	if err := fg.ready(); err != nil {
		return 255, err
	}
	if o.Process.Terminal && o.Stdio.Console == nil {
		o.Stdio.Console = fg.console
	}
	var p *libcontainer.Process
	err = fg.during(ctx, func(ctx context.Context) (err error) {
		p, err = ctr.Exec(ctx, o)
		return err
	})
	if err != nil {
		return 255, err
	}
	a.releaseWarnings()
	status, err := fg.wait(ctx, p)
	return status.ShellCode(), err
}

// processOf is the file's process, or the configuration's with the command and the flags put in.
func (c *execFlags) processOf(ctr *libcontainer.Container, command []string) (*specs.Process, error) {
	if c.process != "" {
		p, _, err := specs.LoadProcess(c.process)
		if err == nil && c.tty {
			p.Terminal = true
		}
		return p, err
	}
	spec, err := ctr.Spec()
	if err != nil {
		return nil, err
	}
	p := spec.Process
	if p == nil {
		p = &specs.Process{Cwd: "/"}
	}
	p.Args, p.Terminal, p.ConsoleSize = command, c.tty, nil
	p.Env = append(p.Env, c.env...)
	if c.cwd != "" {
		p.Cwd = c.cwd
	}
	if c.label != "" {
		p.SelinuxLabel = c.label
	}
	if c.apparmor != "" {
		p.ApparmorProfile = c.apparmor
	}
	p.NoNewPrivileges = p.NoNewPrivileges || c.noNewPrivs
	c.addCaps(p)
	return p, c.setUser(p)
}

// warnIgnored tells of what has no effect beside --process, whose file has it all. Other runtimes say nothing, so that it is no error.
func (c *execFlags) warnIgnored(a *app, command []string) {
	if c.process == "" {
		return
	}
	for _, f := range []struct {
		what  string
		given bool
	}{
		{"--additional-gids", len(c.gids) > 0},
		{"--apparmor", c.apparmor != ""},
		{"--cap", len(c.caps) > 0},
		{"--cwd", c.cwd != ""},
		{"--env", len(c.env) > 0},
		{"--no-new-privs", c.noNewPrivs},
		{"--process-label", c.label != ""},
		{"--user", c.user != nil},
		{"the command", len(command) > 0},
	} {
		if f.given {
			a.warn("exec: " + f.what + " is ignored: the process is that of --process " + c.process)
		}
	}
}

// addCaps never touches the inheritable set: what is inherited by file capabilities is not the caller's to give. Ambient follows only where
// inheritable already allows it.
func (c *execFlags) addCaps(p *specs.Process) {
	if len(c.caps) == 0 {
		return
	}
	if p.Capabilities == nil {
		p.Capabilities = &specs.LinuxCapabilities{}
	}
	s := p.Capabilities
	for _, name := range c.caps {
		if name = strings.ToUpper(name); !strings.HasPrefix(name, "CAP_") {
			name = "CAP_" + name
		}
		for _, set := range []*[]string{&s.Bounding, &s.Effective, &s.Permitted} {
			*set = addOnce(*set, name)
		}
		for _, inherited := range s.Inheritable {
			if inherited == name {
				s.Ambient = addOnce(s.Ambient, name)
			}
		}
	}
}

func addOnce(set []string, name string) []string {
	for _, s := range set {
		if s == name {
			return set
		}
	}
	return append(set, name)
}

// setUser takes numbers only: names would be looked up in a file that the image controls.
func (c *execFlags) setUser(p *specs.Process) error {
	if c.user != nil {
		uid, gid, hasGID := strings.Cut(*c.user, ":")
		n, err := parseID(uid)
		if err != nil {
			return usagef("exec: --user %q: the uid must be a number: %v", *c.user, err)
		}
		p.User.UID = n
		if hasGID {
			if n, err = parseID(gid); err != nil {
				return usagef("exec: --user %q: the gid must be a number: %v", *c.user, err)
			}
			p.User.GID = n
		}
	}
	for _, g := range c.gids {
		n, err := parseID(g)
		if err != nil {
			return usagef("exec: --additional-gids %q: it must be a number: %v", g, err)
		}
		p.User.AdditionalGids = append(p.User.AdditionalGids, n)
	}
	return nil
}

func parseID(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return 0, errors.Unwrap(err) // what was parsed is in the caller's text
	}
	if n == 1<<32-1 { // means "leave it" to the kernel
		return 0, strconv.ErrRange
	}
	return uint32(n), nil
}
