// Package differential gives the same linux.resources to minirun's package
// cgroups and to github.com/opencontainers/cgroups, which runc is made of, and
// compares what the kernel then shows. It is a module of its own, so that what
// it compares with is no dependency of minirun.
//
// Where the two differ on purpose, listed_test.go says so and why. A difference that
// is not there fails the test, and so does one that is there but is gone.
//
// BenchmarkLife (`make bench-cgroups`) measures the making and removing of a
// cgroup beside that library and github.com/containerd/cgroups.
package differential
