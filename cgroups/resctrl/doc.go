// Package resctrl puts processes into groups of the resctrl file system, which
// divides caches and memory bandwidth between them (Intel RDT and the like; see
// Documentation/filesystems/resctrl.rst of the kernel). It carries out the section
// linux.intelRdt of the runtime specification.
//
//	fs, err := resctrl.Find("/")                 // where it is mounted
//	g := fs.Place(cfg, id)                       // which group, pure
//	g, undo, err := fs.Make(cfg, g)              // made, or found to fit
//	err = fs.Join(g, pid)
//	err = fs.Remove(g)
//
// A [Group] is plain data: stored before Make it is enough for Remove after a
// crash. The package keeps no state in the process.
package resctrl
