// Command minirun creates and runs containers from OCI bundles. Its command line is that of runc, so that engines can call it in
// runc's place.
//
// It does not follow changes of the number of processors, for which the Go runtime would read /proc and the cgroups at its first opportunity: most
// commands have ended by then.
//
//go:debug updatemaxprocs=0
package main

import (
	"os"
	"runtime/debug"
)

// Set by the linker, see Makefile.
var (
	version = "unknown"
	commit  = ""
	spec    = ""
)

func main() {
	// A run takes milliseconds and some megabytes: collecting garbage would only cost time. Commands that live on turn it on again.
	debug.SetGCPercent(-1)
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
