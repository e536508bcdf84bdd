package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/libcontainer"
	"github.com/minirun/minirun/specs"
)

// createFlags are what create and run have in common.
type createFlags struct {
	bundle, consoleSocket, pidFDSocket, pidFile string
	noPivot, noNewKeyring                       bool
	preserveFDs                                 int
}

func (c *createFlags) register(f *flags) {
	f.StringVar(&c.bundle, "bundle", ".", "directory of the bundle")
	f.alias("b", "bundle")
	f.StringVar(&c.consoleSocket, "console-socket", "", "AF_UNIX socket that receives the controlling side of the terminal")
	f.StringVar(&c.pidFDSocket, "pidfd-socket", "", "AF_UNIX socket that receives a pidfd of the process")
	f.StringVar(&c.pidFile, "pid-file", "", "file to write the process id to")
	f.BoolVar(&c.noPivot, "no-pivot", false, "change the root without pivot_root, for hosts on an initramfs; less safe")
	f.BoolVar(&c.noNewKeyring, "no-new-keyring", false, "stay in the caller's session keyring")
	f.IntVar(&c.preserveFDs, "preserve-fds", 0, "hand on so many descriptors from 3 on")
}

// options turns the flags into the library's. Nothing is made, but the console socket is connected.
func (c *createFlags) options(a *app) (libcontainer.CreateOptions, error) {
	o := libcontainer.CreateOptions{
		Bundle: c.bundle, PidFDSocket: c.pidFDSocket, NoPivot: c.noPivot, NoNewKeyring: c.noNewKeyring,
		SystemdCgroup: a.systemdCgroup, NoCgroup: a.noCgroup(), NotifySocket: os.Getenv(notifyVariable) != "",
		Stdio: libcontainer.Stdio{Stdin: a.stdin, Stdout: a.stdout, Stderr: a.stderr},
	}
	// The container's cgroups are made with the usual rights, whatever the caller keeps for itself: its users read them.
	unix.Umask(0o022)
	var err error
	if o.PidFile, err = absolute(c.pidFile); err != nil {
		return o, err
	}
	if o.Spec, o.SpecJSON, err = c.load(); err != nil {
		return o, err
	}
	sockets := activate(o.Spec.Process)
	if sockets > 0 {
		o.SpecJSON = nil
	}
	o.PreserveFiles, err = preserved(sockets + c.preserveFDs)
	return o, err
}

// activate hands socket activation on, sd_listen_fds(3): the sockets come first among the preserved descriptors, and the program finds the
// variables. It returns the number of sockets. Variables that are meant for another process count for nothing. As with other runtimes they are
// for process 1: a program in somebody else's pid namespace does not take itself for the one that is meant.
func activate(p *specs.Process) int {
	n, err := strconv.Atoi(os.Getenv("LISTEN_FDS"))
	if err != nil || n <= 0 || p == nil || os.Getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		return 0
	}
	p.Env = append(p.Env, "LISTEN_FDS="+strconv.Itoa(n), "LISTEN_PID=1")
	if names, ok := os.LookupEnv("LISTEN_FDNAMES"); ok {
		p.Env = append(p.Env, "LISTEN_FDNAMES="+names)
	}
	return n
}

// load reads the configuration here, and not in the library, since the flags have to fit it.
func (c *createFlags) load() (*specs.Spec, []byte, error) {
	st, err := os.Stat(c.bundle)
	if err != nil {
		return nil, nil, fmt.Errorf("bundle: %w", err)
	}
	if !st.IsDir() {
		return nil, nil, fmt.Errorf("bundle: %s: not a directory", c.bundle)
	}
	return specs.LoadBundle(c.bundle, "")
}

func absolute(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return abs, nil
}

// preserved returns so many descriptors from 3 on.
func preserved(n int) ([]*os.File, error) {
	if n < 0 {
		return nil, usagef("--preserve-fds %d: it must not be negative", n)
	}
	var files []*os.File
	for fd := 3; fd < 3+n; fd++ {
		f := os.NewFile(uintptr(fd), "descriptor "+strconv.Itoa(fd))
		if f == nil || !isOpen(fd) {
			return nil, fmt.Errorf("--preserve-fds: descriptor %d is not open", fd)
		}
		files = append(files, f)
	}
	return files, nil
}

func createCommand() command {
	return command{
		name: "create", args: "ID", short: "make a container; start runs its program",
		long: `Everything is done but the program itself: namespaces, root file system, cgroup, hooks. The container's first process waits for
start. ID is a new name of letters, digits and the characters _ + - and the full stop.

With process.terminal there must be a --console-socket, which receives the terminal's controlling side, and without it there must be none. When something
fails, nothing is left behind, and the error names the fields that are wrong, all at once.`,
		example: `minirun create --bundle /srv/web web
minirun create -b /srv/web --console-socket /run/web.sock --pid-file /run/web.pid web`,
		setup: func(f *flags) action {
			var c createFlags
			c.register(f)
			return func(ctx context.Context, a *app, args []string) (int, error) { return 0, c.create(ctx, a, args) }
		},
	}
}

func (c *createFlags) create(ctx context.Context, a *app, args []string) error {
	id, err := oneID("create", args)
	if err != nil {
		return err
	}
	rt, err := a.runtime()
	if err != nil {
		return err
	}
	o, err := c.options(a)
	if err != nil {
		return err
	}
	if o.Stdio.Console, err = detachedConsole(o.Spec.Process, c.consoleSocket); err != nil {
		return err
	}
	_, err = rt.Create(ctx, id, o)
	return err
}

// detachedConsole checks that there is a console socket exactly where a terminal is asked for, and connects it.
func detachedConsole(p *specs.Process, socket string) (func(*os.File) error, error) {
	terminal := p != nil && p.Terminal
	switch {
	case terminal && socket == "":
		return nil, usagef("process.terminal: cannot allocate tty if the container is detached without setting --console-socket")
	case !terminal && socket != "":
		return nil, usagef("--console-socket: cannot use console socket if the container will not detach or allocate tty")
	case !terminal:
		return nil, nil
	}
	return libcontainer.DialConsole(socket)
}
