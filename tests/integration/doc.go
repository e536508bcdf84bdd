// Package integration runs the real minirun binary, as root, on real bundles,
// and looks at the result from inside the container and from the host.
//
// The tests need the build tag "integration" and these environment variables:
//
//   - MINIRUN: absolute path of the binary under test. Any runc-compatible
//     runtime can be named, which is how the tests themselves are checked.
//   - MINIRUN_VM: when 1, the tests run in an emulated machine: every timeout
//     is 20 times longer and loops are shorter.
//   - MINIRUN_CACHE: where the Debian root is kept between runs; the default is
//     .cache at the top of the repository.
//   - MINIRUN_DEBIAN_ROOT: a tarball to take the Debian root from instead of
//     building one with debootstrap.
//
// Every test gets its own directory, state directory and cgroup names (see
// box), and fails when it leaves a process, a mount, a cgroup or a state file
// behind.
package integration
