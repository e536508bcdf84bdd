//go:build integration

package differential

// A difference is one that is meant to be.
type difference struct {
	name string // of the case
	on   string // v1 (a hybrid host too), hybrid or v2
	found
	why string
}

const (
	accepted = "accepted"
	refused  = "refused"
)

// result is a difference in what is refused.
func result(ours, theirs string) found { return found{"result", ours, theirs} }

func listed() []difference {
	const (
		clamped = "the specification has no range for shares, so what is outside the kernel's is taken to its end, with a warning"
		retried = "the kernel refuses shares while the cgroup is idle: they are written again after cpu.idle"
		least   = "the specification's range is 10 to 1000; the file of BFQ takes from 1 on, which is no reason to"
		zero    = "0 is a limit like others since version 1.3 of the specification: nothing may be forked"
		hybrid  = "the controller is in the version 2 tree of this host, where it works"
		core    = "the host has a version 2 tree, and the file is one of it"
		silent  = "version 2 cannot express it, and a limit that is silently missing is none"
		sum     = "version 2 limits swap by itself, and without a limit of memory the sum is none"
		useless = "shares mean nothing while the cgroup is idle: a warning, where the kernel refuses the second value"
		kept    = "quota and period are two fields; the one that an update does not name stays as it is"
		noRate  = "0 lifts the limit, as the file of version 1 has it; io.max knows max for that"
		process = "it is no limit; no process of the container would run"
		weaker  = "what is denied is to be refused together with other access too"
		hole    = "a device program can say what exceptions of version 1 cannot"
		covered = "the devices are the same; what is covered by other exceptions is written in them too, so that none of them is a hole"
	)
	return []difference{
		{"shares too small", "v1", result(accepted, refused), clamped},
		{"shares too large", "v1", result(accepted, refused), clamped},
		{"idle changed to shares", "v1", result(accepted, refused), retried},
		{"pids zero", "v1", found{"pids.max", "0", "1"}, zero},
		{"weight out of range", "v1", result(refused, accepted), least},
		{"hugepages", "hybrid", result(accepted, refused), hybrid},
		{"hugepages none", "hybrid", result(accepted, refused), hybrid},
		{"unified core", "hybrid", result(accepted, refused), core},
		{"devices of a kind", "v1", found{"devices.list", "b *:* m; c *:* m; c 1:* rm", "b *:* m; c *:* m; c 1:* r"}, covered},

		{"swap with limit none", "v2", result(refused, accepted), sum},
		{"swappiness", "v2", result(refused, accepted), silent},
		{"swappiness out of range", "v2", result(refused, accepted), silent},
		{"OOM killer off", "v2", result(refused, accepted), silent},
		{"idle with shares", "v2", result(accepted, refused), useless},
		{"realtime", "v2", result(refused, accepted), silent},
		{"quota alone changed", "v2", found{"cpu.max", "20000 50000", "20000 100000"}, kept},
		{"period alone changed", "v2", found{"cpu.max", "20000 100000", "max 100000"}, kept},
		{"pids zero", "v2", found{"pids.max", "0", "1"}, zero},
		{"weight of a device", "v2", result(refused, accepted), silent},
		{"leaf weight", "v2", result(refused, accepted), silent},
		{"throttle lifted", "v2", result(accepted, refused), noRate},
		{"network class", "v2", result(refused, accepted), silent},
		{"network priority", "v2", result(refused, accepted), silent},
		{"unified freeze", "v2", result(refused, accepted), process},
		{"devices all but to write one", "v2", found{
			"use of devices",
			"/dev/full:r /dev/full:rw /dev/full:w /dev/null:r /dev/null:rw /dev/null:w /dev/tty:r /dev/tty:rw /dev/tty:w /dev/zero:r mknod:b mknod:c",
			"/dev/full:r /dev/full:rw /dev/full:w /dev/null:r /dev/null:rw /dev/null:w /dev/tty:r /dev/tty:rw /dev/tty:w /dev/zero:r /dev/zero:rw mknod:b mknod:c",
		}, weaker},
		{"devices with a hole", "v2", result(accepted, refused), hole},
	}
}
