// Package libcontainer makes, runs and removes containers from OCI bundles on Linux.
//
// A Runtime is a directory of containers. Create makes a container from a bundle and leaves it waiting; Start lets its program
// run; Run does both at once. Exec starts another program inside, Signal, State, Processes, Pause,
// Resume, Update, Stats and Delete do what they say. A container lives
// on when the program that made it ends: Load finds it again from the state directory.
//
//	rt, err := libcontainer.New(libcontainer.Options{Root: "/run/myengine"})
//	c, err := rt.Run(ctx, "web", libcontainer.CreateOptions{Bundle: "/srv/web"})
//	status, err := c.Wait(ctx)
//	err = c.Delete(ctx, libcontainer.DeleteOptions{})
//
// Nothing has to be done in main: what runs inside the container is a small program of this module's own (see package nsenter),
// never the executable of the caller. All methods may be called from any goroutine; two calls on one container id, from one
// program or from several, never interleave where they would harm each other.
//
// What is done to make a container is decided before anything is done: Plan returns it as an ordered list without touching the
// system. Things that are easily misunderstood:
//
//   - The position of a step in plan.go is semantics, not taste: order is the security design. The tests of order say why.
//   - Exec is no second implementation. It is the same compile functions with another list of phases.
//   - Errors from the kernel are worded in explain.go only, where the operation, its step and the field of the configuration are known.
//
// Linux 5.12 is the oldest kernel that can work. The package needs no cgo, except for a configuration with linux.seccomp.
package libcontainer
