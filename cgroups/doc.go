// Package cgroups puts processes under Linux control groups: version 1,
// version 2 and hosts that mount both (hybrid), through the cgroup file system.
//
// It works in four steps, each of which can be used by itself:
//
//	host, err := cgroups.Detect("/")                    // where is which controller
//	writes, warnings, err := cgroups.Compile(res, host) // linux.resources as file writes, pure
//	record, err := cgroups.Place(host, "/a/b", id)      // which directories, pure
//	cg, err := cgroups.Create(ctx, record, writes)
//
// after which a process gets in: born inside by clone3 with [Cgroup.FD] in
// version 2, by itself through [Cgroup.JoinFiles] in version 1 (fast), or by
// [Cgroup.Attach] (any process, slow for the first one in a while).
// A [Record] is plain data: stored somewhere, it is enough for [Open] in a
// later process, which can then freeze, kill, list and destroy, or change limits by
// [Cgroup.Update]. [Cgroup.Stats] tells what was used, [Cgroup.Watch] what happens.
//
// On a host with systemd a cgroup can belong to a unit instead, which a [Manager]
// makes around a process: [Adopt] and [OpenUnit] take the places of Begin and
// Open, everything else is the same. Package cgroups/systemd has that manager.
//
// The package knows nothing of containers and keeps no state in the process:
// everything about the machine is in the [Host] value.
//
// # What is easily misunderstood
//
// There is no global "version": each controller is looked up where it really
// is, so on a hybrid host hugetlb may be written to the version 2 tree while
// memory is written to version 1.
//
// The order of writes is not free. memory.limit_in_bytes before
// memory.memsw.limit_in_bytes is right for a new cgroup and wrong for some
// changes of an old one; such writes carry Retry and are tried again after
// the others instead of being ordered by hand.
//
// A file that is missing is not created (nothing is opened with O_CREAT) and
// not ignored: each [Write] says what its absence means.
package cgroups
