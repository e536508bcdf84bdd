// Package rootfs compiles the part of an OCI configuration that makes a container's file system (root, mounts, devices, masked and
// read-only paths, propagation, pivot and the place of the console) into operations for the init.
//
// Compile is a pure function of the configuration and of Facts: it opens nothing and mounts nothing, and the same input gives the
// same operations. What the kernel says to them comes back as the index of an operation, whose Because names the field.
//
// Three things that are easily misunderstood:
//
//   - Nothing here may stat a source or a target to choose between directory and file. The answer may differ in the container's
//     namespaces, or change: the operation carries the intent (FlagMountMkauto) and the init decides on the descriptor it uses.
//   - The order within and between the phases of Rootfs is the security design: the list of mounts is in the order of the
//     configuration, device nodes come after all mounts, read-only after device nodes, masks after everything that could cover them.
//   - A mount option is one row of the table in options.go and nothing else.
package rootfs
