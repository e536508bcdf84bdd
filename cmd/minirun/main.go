// Command minirun creates and runs containers from OCI bundles. Its command line is that of runc, so that engines can call it in
// runc's place.
//
// It does not follow changes of the number of processors, for which the Go runtime would read /proc and the cgroups at its first opportunity: most
// commands have ended by then. Garbage is collected as usual: hardly a command gets to the 4 MiB where that begins, and to turn it off would stop all
// threads at the start.
//
//go:debug updatemaxprocs=0
package main

import "os"

// Set by the linker, see Makefile.
var (
	version = "unknown"
	commit  = ""
	spec    = ""
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
