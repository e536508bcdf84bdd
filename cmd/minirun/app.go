package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/sirupsen/logrus"

	"github.com/minirun/minirun/libcontainer"
)

// app is what the global flags make: one value for one call of the program.
type app struct {
	stdin, stdout, stderr *os.File

	root          string
	rootGiven     bool
	logPath       string
	logFormat     string
	logLevel      string
	debug         bool
	systemdCgroup bool
	cgroupManager string
	rootless      string

	log      *logrus.Logger
	logFile  *os.File
	warnings heldWarnings
}

// errDone ends the program with success: help and version.
var errDone = errors.New("done")

// globals parses the flags before the command.
func (a *app) globals(args []string) ([]string, error) {
	f := newFlags("minirun")
	help, showVersion := a.registerGlobals(f)
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			*help = true
		} else {
			return nil, &usageError{err.Error()}
		}
	}
	switch {
	case *help:
		a.help(a.stdout)
		return nil, errDone
	case *showVersion:
		a.printVersion()
		return nil, errDone
	}
	f.Visit(func(g *flag.Flag) { a.rootGiven = a.rootGiven || g.Name == "root" })
	return f.Args(), a.check()
}

func (a *app) registerGlobals(f *flags) (help, showVersion *bool) {
	f.StringVar(&a.root, "root", libcontainer.DefaultRoot(), "directory that holds the state of containers")
	f.StringVar(&a.logPath, "log", "", "file to append log records to, instead of stderr")
	f.StringVar(&a.logFormat, "log-format", "text", "form of log records: text or json")
	f.StringVar(&a.logLevel, "log-level", "", "least level that is logged: debug, info, warning or error; errors are always")
	f.BoolVar(&a.debug, "debug", false, "log debug records too")
	f.BoolVar(&a.systemdCgroup, "systemd-cgroup", false, "have systemd make the cgroup, as a scope; linux.cgroupsPath is slice:prefix:name")
	f.StringVar(&a.cgroupManager, "cgroup-manager", "", "who makes the cgroup: cgroupfs, systemd or disabled, for none")
	f.StringVar(&a.rootless, "rootless", "auto", "whether to do without a cgroup that the caller may not make: true, false or auto")
	help = f.Bool("help", false, "show help")
	f.alias("h", "help")
	showVersion = f.Bool("version", false, "print the version")
	f.alias("v", "version")
	return help, showVersion
}

// check finds what is wrong with the global flags together.
func (a *app) check() error {
	if a.logFormat != "text" && a.logFormat != "json" {
		return usagef("--log-format %q: it must be text or json", a.logFormat)
	}
	if a.rootless != "auto" {
		if _, err := strconv.ParseBool(a.rootless); err != nil {
			return usagef("--rootless %q: it must be true, false or auto", a.rootless)
		}
	}
	switch a.cgroupManager {
	case "":
	case "cgroupfs", "disabled":
		if a.systemdCgroup {
			return usagef("--cgroup-manager %s: --systemd-cgroup says the opposite", a.cgroupManager)
		}
	case "systemd":
		a.systemdCgroup = true
	default:
		return usagef("--cgroup-manager %q: it must be cgroupfs, systemd or disabled", a.cgroupManager)
	}
	if a.root == "" {
		return usagef("--root: it must not be empty")
	}
	abs, err := filepath.Abs(a.root)
	if err != nil {
		return fmt.Errorf("--root %s: %w", a.root, err)
	}
	a.root = abs
	return nil
}

// noCgroup tells whether containers get no cgroup. How a cgroup is made and removed later is in the state.
func (a *app) noCgroup() bool { return a.cgroupManager == "disabled" }

// rootlessOption is nil for auto. The flag was checked.
func (a *app) rootlessOption() *bool {
	if a.rootless == "auto" {
		return nil
	}
	v, _ := strconv.ParseBool(a.rootless)
	return &v
}

// runtime opens the library.
func (a *app) runtime() (*libcontainer.Runtime, error) {
	o := libcontainer.Options{Root: a.root, Rootless: a.rootlessOption(), Warn: a.warn}
	if a.log.IsLevelEnabled(logrus.DebugLevel) {
		o.Debug = func(text string) { a.log.Debug(text) }
	}
	return libcontainer.New(o)
}

func (a *app) printVersion() {
	// The first line is what engines parse, whichever runtime they think they call.
	fmt.Fprintf(a.stdout, "runc version %s-minirun\n", version)
	if commit != "" {
		fmt.Fprintf(a.stdout, "commit: %s\n", commit)
	}
	fmt.Fprintf(a.stdout, "spec: %s\n", spec)
}
