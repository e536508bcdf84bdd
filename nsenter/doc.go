// Package nsenter launches the in-container init and gives it a plan to carry out.
//
// A Plan is an ordered list of typed operations. The operations of the init side are generated from one table, ops.tab, for Go
// and for C; the init (nsenter/init, a freestanding program of some tens of KiB) maps the encoded plan from a sealed memfd and
// performs it in order. It decides nothing: what failed comes back as operation, step and errno, and the caller words it.
//
// Three things that are easily misunderstood:
//
//   - The C is not built by `go build`. Its ELF files are committed (nsenter/init/bin) and embedded; `make verify-init` rebuilds
//     and compares them, and a unit test compares the hash of their sources. Library users need no C compiler.
//   - The operations are no ABI. Both sides are always of one commit: the init refuses a plan with another table hash.
//   - A memfd is not always executable (vm.memfd_noexec=2): the launcher falls back to an O_TMPFILE in a directory of the caller.
//
// The package knows namespaces, mounts and credentials, but not the OCI specification.
package nsenter
