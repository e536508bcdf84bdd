// Command minirun creates and runs containers from OCI bundles. Its command line is that of runc, so that engines can call it in
// runc's place.
package main

import (
	"os"
	"runtime"
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
	// What takes time are system calls, one after the other, and the other processor is the init's: waking threads up only costs.
	runtime.GOMAXPROCS(1)
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
