// Package metrics gives statistics and out-of-memory events of a cgroup as the
// messages that containerd and its shims exchange: those of
// github.com/containerd/cgroups/v3, in cgroup1/stats and cgroup2/stats.
//
// It reads with package cgroups, so the values are the same as there. Only the
// messages are the other module's, and its packages that read and write cgroups
// are not linked. The command minirun links neither.
package metrics
