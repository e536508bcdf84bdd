package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
)

// command is one verb. Its flags are registered on a fresh set for each call, so that nothing is shared.
type command struct {
	name  string
	args  string // what follows the flags, for the usage line
	short string
	// long is the description of the manual page and of --help, paragraphs separated by empty lines; short alone where it is empty.
	long string
	// exit are the exit statuses where they are others than 0 for success and 1 for a failure.
	exit []exitStatus
	// example is one command line or several.
	example string
	// setup registers the flags and returns what to do once they are parsed.
	setup func(f *flags) action
}

// exitStatus is an exit status and what it means.
type exitStatus struct {
	status  int
	meaning string
}

// name is how the status is shown; -1 stands for those of the program.
func (e exitStatus) name() string {
	if e.status < 0 {
		return "other"
	}
	return strconv.Itoa(e.status)
}

// action carries a command out. The status is the exit status where there is no error.
type action func(ctx context.Context, a *app, args []string) (status int, err error)

// commands is in the order of the help text.
func commands() []command {
	return []command{
		createCommand(), startCommand(), runCommand(), stateCommand(), killCommand(), deleteCommand(), listCommand(), execCommand(),
		psCommand(), eventsCommand(), pauseCommand(), resumeCommand(), updateCommand(), checkpointCommand(), restoreCommand(),
		specCommand(), featuresCommand(), checkCommand(), planCommand(), completionCommand(),
	}
}

// hiddenCommands are for the installation and for shells; the help text is not about them.
func hiddenCommands() []command { return []command{manCommand(), completeCommand()} }

// flags is a flag set that knows which names are short forms of which, for the help text. Long names may be given with one dash or two.
type flags struct {
	*flag.FlagSet
	aliases map[string]string // short name to long name
	hidden  map[string]bool
}

func newFlags(name string) *flags {
	f := &flags{flag.NewFlagSet(name, flag.ContinueOnError), map[string]string{}, map[string]bool{}}
	f.SetOutput(io.Discard)
	return f
}

// alias gives a flag a second, short name.
func (f *flags) alias(short, long string) {
	l := f.Lookup(long)
	f.Var(l.Value, short, l.Usage)
	f.aliases[short] = long
}

// hide leaves a flag out of the help text: it is accepted for callers that still pass it.
func (f *flags) hide(name string) { f.hidden[name] = true }

// list is a flag that can be given several times.
type list []string

// String implements flag.Value.
func (l *list) String() string { return strings.Join(*l, ",") }

// Set implements flag.Value.
func (l *list) Set(s string) error {
	*l = append(*l, s)
	return nil
}

// usageError is a mistake on the command line.
type usageError struct{ text string }

// Error implements error.
func (e *usageError) Error() string { return e.text }

func usagef(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// run is the program: it returns the exit status.
func run(args []string, stdin, stdout, stderr *os.File) int {
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr}
	rest, err := a.globals(args)
	if errors.Is(err, errDone) {
		return 0
	}
	if err == nil {
		err = a.openLog()
	}
	if err != nil {
		return a.fatal(err, "")
	}
	if len(rest) == 0 {
		a.help(stdout)
		return 0
	}
	status, err := a.dispatch(rest)
	if errors.Is(err, errDone) {
		return 0
	}
	if err != nil {
		return a.fatal(err, rest[0])
	}
	a.releaseWarnings()
	return status
}

func (a *app) dispatch(rest []string) (int, error) {
	all := append(commands(), hiddenCommands()...)
	i := slices.IndexFunc(all, func(c command) bool { return c.name == rest[0] })
	if i < 0 {
		if rest[0] == "help" {
			return 0, a.helpFor(all, rest[1:])
		}
		return 1, usagef("unknown command %q, see minirun --help", rest[0])
	}
	c := all[i]
	f := newFlags(c.name)
	do := c.setup(f)
	args, err := c.parse(f, rest[1:])
	if err != nil {
		if errors.Is(err, flag.ErrHelp) {
			c.help(a.stdout, f)
			return 0, errDone
		}
		return 1, &usageError{c.name + ": " + err.Error()}
	}
	a.holdWarnings()
	return do(context.Background(), a, args)
}

// parse returns the arguments that are no flags. Where there is nothing but the id, flags may stand behind it, as with runc.
func (c command) parse(f *flags, args []string) ([]string, error) {
	if err := f.Parse(args); err != nil || c.args != "ID" || f.NArg() < 2 {
		return f.Args(), err
	}
	id := f.Arg(0)
	err := f.Parse(f.Args()[1:])
	return append([]string{id}, f.Args()...), err
}

// oneID checks that there is exactly one argument, the container's id.
func oneID(name string, args []string) (string, error) {
	if len(args) != 1 {
		return "", usagef("%s: exactly 1 argument is needed, the container's id, not %d", name, len(args))
	}
	return args[0], nil
}
