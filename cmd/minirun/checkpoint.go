package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/minirun/minirun/libcontainer"
	"github.com/minirun/minirun/specs"
)

// criuFlags are what checkpoint and restore have in common.
type criuFlags struct {
	libcontainer.CRIUOptions
	cgroups string
	empty   list
}

func (c *criuFlags) register(f *flags) {
	f.StringVar(&c.ImagePath, "image-path", "checkpoint", "directory of the checkpoint")
	f.StringVar(&c.WorkPath, "work-path", "", "directory of CRIU's log and statistics (default: the image path)")
	f.BoolVar(&c.TCPEstablished, "tcp-established", false, "keep open TCP connections")
	f.BoolVar(&c.ExtUnixSockets, "ext-unix-sk", false, "allow sockets that are connected to processes outside")
	f.BoolVar(&c.ShellJob, "shell-job", false, "allow a program whose standard streams are a terminal outside; it goes on at that of the restorer")
	f.BoolVar(&c.FileLocks, "file-locks", false, "keep file locks; safe only when nobody else uses the files")
	f.StringVar(&c.cgroups, "manage-cgroups-mode", "", "what of the cgroups is kept: soft, full, strict or ignore (default soft)")
	f.Var(&c.empty, "empty-ns", "namespace to restore empty: network; may be repeated")
	f.BoolVar(&c.AutoDedup, "auto-dedup", false, "remove from older images what newer ones have")
	f.BoolVar(&c.LazyPages, "lazy-pages", false, "leave memory behind, to be fetched when it is used")
	f.StringVar(&c.NetworkLock, "network-lock", "", "how connections are held meanwhile: iptables, nftables or skip")
}

// options makes paths absolute: nothing depends on the working directory any more.
func (c *criuFlags) options() (libcontainer.CRIUOptions, error) {
	o := c.CRIUOptions
	o.Cgroups = libcontainer.CgroupsMode(c.cgroups)
	for _, ns := range c.empty {
		o.EmptyNamespaces = append(o.EmptyNamespaces, specs.LinuxNamespaceType(ns))
	}
	var err error
	if o.ImagePath, err = absolute(o.ImagePath); err != nil {
		return o, err
	}
	o.WorkPath, err = absolute(o.WorkPath)
	return o, err
}

type checkpointFlags struct {
	criuFlags
	o        libcontainer.CheckpointOptions
	statusFD int
}

func checkpointCommand() command {
	return command{
		name: "checkpoint", args: "ID", short: "write a running container to files, with CRIU",
		long: `The program criu(8) must be in PATH. It writes all processes of the container into --image-path, and the container ends, if not --leave-running or --pre-dump
says otherwise. What a checkpoint cannot hold is an error, with the words of CRIU's log; most of the flags permit something that is refused otherwise.`,
		example: "minirun checkpoint --image-path /var/lib/web.checkpoint web\nminirun checkpoint --leave-running --image-path /tmp/snapshot web",
		setup: func(f *flags) action {
			var c checkpointFlags
			c.register(f)
			f.StringVar(&c.o.ParentPath, "parent-path", "", "earlier checkpoint or pre-dump, relative to the image path")
			f.BoolVar(&c.o.LeaveRunning, "leave-running", false, "let the container go on")
			f.BoolVar(&c.o.PreDump, "pre-dump", false, "write memory only, and let the container go on")
			f.StringVar(&c.o.PageServer, "page-server", "", "ADDRESS:PORT to send memory to")
			f.IntVar(&c.statusFD, "status-fd", -1, "descriptor that gets a NUL byte when pages can be fetched (with --lazy-pages)")
			f.BoolVar(&c.o.TCPSkipInFlight, "tcp-skip-in-flight", false, "leave out connections that are not established yet")
			f.BoolVar(&c.o.LinkRemap, "link-remap", false, "keep files that were removed while they are open")
			return c.run
		},
	}
}

func (c *checkpointFlags) run(ctx context.Context, a *app, args []string) (int, error) {
	if _, err := oneID("checkpoint", args); err != nil {
		return 1, err
	}
	o := c.o
	var err error
	if o.CRIUOptions, err = c.options(); err != nil {
		return 1, err
	}
	if c.statusFD >= 0 {
		if !isOpen(c.statusFD) {
			return 1, fmt.Errorf("--status-fd: descriptor %d is not open", c.statusFD)
		}
		o.StatusFD = os.NewFile(uintptr(c.statusFD), "status")
	}
	ctr, err := a.load(ctx, "checkpoint", args)
	if err != nil {
		return 1, err
	}
	return 0, interruptible(ctx, func(ctx context.Context) error { return ctr.Checkpoint(ctx, o) })
}

// lsmProfile checks TYPE:NAME.
func lsmProfile(s string) error {
	kind, name, ok := strings.Cut(s, ":")
	if s != "" && (!ok || name == "" || kind != "apparmor" && kind != "selinux") {
		return usagef("--lsm-profile %q: it must be apparmor:NAME or selinux:NAME", s)
	}
	return nil
}
