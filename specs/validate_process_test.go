package specs

import "testing"

func TestValidateProcess(t *testing.T) {
	checkRules(t, []rule{
		{`{"process": {"args": ["", ""]}}`, ``},
		{`{"process": {"args": []}}`, `process.args: must have at least one entry`},
		{`{"process": {"args": null}}`, `process.args: must have at least one entry`},
		{`{"process": {"args": ["sh", "a\u0000b"]}}`, `process.args[1]: "a\x00b" contains a NUL byte`},
		{`{"process": {"env": ["A=", "A=b=c", "B C=d", "A=again"]}}`, ``},
		{`{"process": {"env": ["A=b", "NOVALUE"]}}`, `process.env[1]: "NOVALUE" has no "="`},
		{`{"process": {"env": ["=x"]}}`, `process.env[0]: "=x" has no name before the "="`},
		{`{"process": {"env": [""]}}`, `process.env[0]: "" has no "="`},
		{`{"process": {"env": ["A=\u0000"]}}`, `process.env[0]: "A=\x00" contains a NUL byte`},
		{`{"process": {"cwd": "/a/../b"}}`, ``},
		{`{"process": {"cwd": null}}`, `process.cwd: must not be empty`},
		{`{"process": {"cwd": "home"}}`, `process.cwd: "home" is not an absolute path`},
		{`{"process": {"cwd": "/\u0000"}}`, `process.cwd: "/\x00" contains a NUL byte`},
		{`{"process": {"apparmorProfile": "unconfined", "selinuxLabel": "a:b:c:d"}}`, ``},
		{`{"process": {"apparmorProfile": "\u0000", "selinuxLabel": "\u0000"}}`, `process.apparmorProfile: "\x00" contains a NUL byte
			process.selinuxLabel: "\x00" contains a NUL byte`},
		{`{"process": {"oomScoreAdj": -1000}}`, ``},
		{`{"process": {"oomScoreAdj": 1000}}`, ``},
		{`{"process": {"oomScoreAdj": -1001}}`, `process.oomScoreAdj: -1001 is out of range, must be -1000 to 1000`},
		{`{"process": {"oomScoreAdj": 1001}}`, `process.oomScoreAdj: 1001 is out of range, must be -1000 to 1000`},
		{`{"process": {"commandLine": "x"}}`, `warning: process.commandLine: is ignored on Linux`},
	})
}

func TestValidateConsole(t *testing.T) {
	checkRules(t, []rule{
		{`{"process": {"consoleSize": {"height": 65535, "width": 0}}}`, ``},
		{`{"process": {"consoleSize": {"height": 0, "width": 65535}}}`, ``},
		{`{"process": {"consoleSize": {"height": 65536, "width": 1}}}`, `process.consoleSize.height: 65536 is out of range, must be 0 to 65535`},
		{`{"process": {"consoleSize": {"height": 1, "width": 70000}}}`, `process.consoleSize.width: 70000 is out of range, must be 0 to 65535`},
		{`{"process": {"terminal": false}}`, ``},
		{`{"process": {"terminal": false, "consoleSize": {"height": 70000, "width": 1}}}`, `warning: process.consoleSize: is ignored without terminal`},
	})
}

func TestValidateUser(t *testing.T) {
	checkRules(t, []rule{
		{`{"process": {"user": {"uid": 65535, "gid": 65535, "umask": 511, "additionalGids": [0, 65535]}}}`, ``},
		{`{"process": {"user": {"umask": 512}}}`, `process.user.umask: 512 is out of range, must be 0 to 511 (octal 777)`},
		{`{"process": {"user": {"uid": 4294967295, "gid": 4294967295, "additionalGids": [1, 4294967295]}},
			"linux": {"namespaces": [{"type": "mount"}, {"type": "uts"}], "uidMappings": null, "gidMappings": null}}`, `process.user.uid: 4294967295 is not a valid id
			process.user.gid: 4294967295 is not a valid id
			process.user.additionalGids[1]: 4294967295 is not a valid id`},
		// Ids outside of the mapping of a new user namespace do not exist in it.
		{`{"process": {"user": {"uid": 65536, "gid": 65536, "additionalGids": [65535, 65536]}}}`, `process.user.uid: 65536 is not mapped by linux.uidMappings
			process.user.gid: 65536 is not mapped by linux.gidMappings
			process.user.additionalGids[1]: 65536 is not mapped by linux.gidMappings`},
		{`{"process": {"user": {"uid": 5, "gid": 10}}, "linux": {
			"uidMappings": [{"containerID": 10, "hostID": 1, "size": 1}, {"containerID": 5, "hostID": 2, "size": 1}],
			"gidMappings": [{"containerID": 10, "hostID": 1, "size": 1}]}}`, ``},
		// Without a mapping, or with one that has no effect, nothing is known.
		{`{"process": {"user": {"uid": 70000, "gid": 70000}}, "linux": {"uidMappings": null}}`, `linux.uidMappings: must be set for a new user namespace`},
		{`{"process": {"user": {"uid": 70000, "gid": 70000}}, "linux": {"gidMappings": null}}`, `linux.gidMappings: must be set for a new user namespace`},
		{`{"process": {"user": {"uid": 70000, "gid": 70000}}, "linux": {"namespaces": [{"type": "mount"}, {"type": "uts"}, {"type": "user", "path": "/n"}]}}`, `warning: linux.uidMappings: has no effect on the user namespace that is joined
			warning: linux.gidMappings: has no effect on the user namespace that is joined`},
		{`{"process": {"user": {"uid": 70000, "gid": 70000}},
			"linux": {"namespaces": [{"type": "mount"}, {"type": "uts"}], "uidMappings": null, "gidMappings": null}}`, ``},
	})
}

func TestValidateCapabilities(t *testing.T) {
	const none = `"bounding": null, "effective": null, "permitted": null`
	checkRules(t, []rule{
		{`{"process": {"capabilities": {` + none + `}}}`, ``},
		{`{"process": {"capabilities": {` + none + `, "bounding": ["CAP_CHOWN", "CAP_CHECKPOINT_RESTORE", "CAP_CHOWN"]}}}`, ``},
		{`{"process": {"capabilities": {` + none + `, "bounding": ["CAP_CHOWN", "CAP_KILL", "CAP_FOO"], "ambient": ["", "CHOWN"]}}}`, `warning: process.capabilities.bounding[2]: unknown capability "CAP_FOO"
			warning: process.capabilities.ambient[0]: unknown capability ""
			warning: process.capabilities.ambient[1]: unknown capability "CHOWN"`},
		{`{"process": {"capabilities": {"effective": ["CAP_KILL", "CAP_CHOWN", "CAP_CHOWN", "CAP_SYS_ADMIN"]}}}`, `warning: process.capabilities.effective: CAP_CHOWN, CAP_SYS_ADMIN cannot be granted because of not being in permitted`},
		{`{"process": {"capabilities": {"permitted": ["CAP_KILL", "CAP_AUDIT_WRITE", "CAP_NET_BIND_SERVICE", "CAP_CHOWN"]}}}`, ``},
		{`{"process": {"capabilities": {"inheritable": ["CAP_CHOWN"]}}}`, `warning: process.capabilities.inheritable: CAP_CHOWN cannot be granted because of not being in bounding`},
		{`{"process": {"capabilities": {"inheritable": ["CAP_KILL"], "ambient": ["CAP_KILL"]}}}`, ``},
		{`{"process": {"capabilities": {"inheritable": ["CAP_KILL"], "ambient": ["CAP_KILL", "CAP_AUDIT_WRITE", "CAP_CHOWN"]}}}`, `warning: process.capabilities.ambient: CAP_CHOWN cannot be granted because of not being in permitted
			warning: process.capabilities.ambient: CAP_AUDIT_WRITE cannot be granted because of not being in inheritable`},
	})
}

func TestValidateRlimits(t *testing.T) {
	checkRules(t, []rule{
		{`{"process": {"rlimits": [{"type": "RLIMIT_NOFILE", "soft": 1, "hard": 1}, {"type": "RLIMIT_CORE", "soft": 0, "hard": 18446744073709551615}]}}`, ``},
		{`{"process": {"rlimits": [{"type": "RLIMIT_NOFILE"}, {"type": "RLIMIT_CORE"}, {"type": "RLIMIT_NOFILE"}]}}`, `process.rlimits[2].type: RLIMIT_NOFILE is given more than once`},
		{`{"process": {"rlimits": [{"type": "RLIMIT_CORE", "soft": 2, "hard": 1}]}}`, `process.rlimits[0].soft: 2 is greater than the hard limit 1`},
		{`{"process": {"rlimits": [{"type": "nofile"}, {"type": ""}]}}`, `process.rlimits[0].type: unknown limit "nofile"
			process.rlimits[1].type: unknown limit ""`},
	})
}

func TestValidateScheduler(t *testing.T) {
	checkRules(t, []rule{
		{`{"process": {"scheduler": {"policy": "SCHED_OTHER", "nice": -20}}}`, ``},
		{`{"process": {"scheduler": {"policy": "SCHED_BATCH", "nice": 19, "flags": ["SCHED_FLAG_RESET_ON_FORK", "SCHED_FLAG_UTIL_CLAMP_MAX"]}}}`, ``},
		{`{"process": {"scheduler": {"policy": "SCHED_IDLE", "nice": 1}}}`, ``},
		{`{"process": {"scheduler": {"policy": "SCHED_FIFO", "priority": 1}}}`, ``},
		{`{"process": {"scheduler": {"policy": "SCHED_RR", "priority": 99}}}`, ``},
		{`{"process": {"scheduler": {"policy": "SCHED_DEADLINE", "runtime": 5, "deadline": 5, "period": 5}}}`, ``},
		{`{"process": {"scheduler": {"policy": "SCHED_DEADLINE", "runtime": 4, "deadline": 5}}}`, ``},
		{`{"process": {"scheduler": {}}}`, `process.scheduler.policy: must be set`},
		{`{"process": {"scheduler": {"policy": "SCHED_EXT"}}}`, `process.scheduler.policy: unknown policy "SCHED_EXT"`},
		{`{"process": {"scheduler": {"policy": "SCHED_ISO"}}}`, `process.scheduler.policy: "SCHED_ISO" is implemented by no kernel`},
		{`{"process": {"scheduler": {"policy": "SCHED_OTHER", "nice": 20}}}`, `process.scheduler.nice: 20 is out of range, must be -20 to 19`},
		{`{"process": {"scheduler": {"policy": "SCHED_OTHER", "nice": -21}}}`, `process.scheduler.nice: -21 is out of range, must be -20 to 19`},
		{`{"process": {"scheduler": {"policy": "SCHED_FIFO", "priority": 1, "nice": 1}}}`, `process.scheduler.nice: must not be set for SCHED_FIFO`},
		{`{"process": {"scheduler": {"policy": "SCHED_OTHER", "priority": 1}}}`, `process.scheduler.priority: must not be set for SCHED_OTHER`},
		{`{"process": {"scheduler": {"policy": "SCHED_FIFO"}}}`, `process.scheduler.priority: 0 is out of range, must be 1 to 99 for SCHED_FIFO`},
		{`{"process": {"scheduler": {"policy": "SCHED_RR", "priority": 100}}}`, `process.scheduler.priority: 100 is out of range, must be 1 to 99 for SCHED_RR`},
		{`{"process": {"scheduler": {"policy": "SCHED_OTHER", "flags": ["SCHED_FLAG_RECLAIM", "RECLAIM"]}}}`, `process.scheduler.flags[1]: unknown flag "RECLAIM"`},
		{`{"process": {"scheduler": {"policy": "SCHED_OTHER", "runtime": 1, "deadline": 2, "period": 3}}}`, `process.scheduler.runtime: must not be set for SCHED_OTHER
			process.scheduler.deadline: must not be set for SCHED_OTHER
			process.scheduler.period: must not be set for SCHED_OTHER`},
		{`{"process": {"scheduler": {"policy": "SCHED_DEADLINE", "deadline": 5}}}`, `process.scheduler.runtime: must be set for SCHED_DEADLINE`},
		{`{"process": {"scheduler": {"policy": "SCHED_DEADLINE", "runtime": 5}}}`, `process.scheduler.deadline: must be set for SCHED_DEADLINE`},
		{`{"process": {"scheduler": {"policy": "SCHED_DEADLINE", "runtime": 6, "deadline": 5}}}`, `process.scheduler.runtime: 6 is greater than the deadline 5`},
		{`{"process": {"scheduler": {"policy": "SCHED_DEADLINE", "runtime": 5, "deadline": 7, "period": 6}}}`, `process.scheduler.deadline: 7 is greater than the period 6`},
	})
}

func TestValidateIOPriority(t *testing.T) {
	checkRules(t, []rule{
		{`{"process": {"ioPriority": {"class": "IOPRIO_CLASS_RT", "priority": 0}}}`, ``},
		{`{"process": {"ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 7}}}`, ``},
		{`{"process": {"ioPriority": {"class": "IOPRIO_CLASS_IDLE", "priority": 7}}}`, ``},
		{`{"process": {"ioPriority": {"priority": 8}}}`, `process.ioPriority.class: must be set
			process.ioPriority.priority: 8 is out of range, must be 0 to 7`},
		{`{"process": {"ioPriority": {"class": "BE", "priority": -1}}}`, `process.ioPriority.class: unknown class "BE"
			process.ioPriority.priority: -1 is out of range, must be 0 to 7`},
	})
}

func TestValidateCPUAffinity(t *testing.T) {
	checkRules(t, []rule{
		{`{"process": {"execCPUAffinity": {"initial": "0", "final": "0-3,7, 9 - 12,13-13"}}}`, ``},
		{`{"process": {"execCPUAffinity": {"initial": "1048576"}}}`, ``},
		{`{"process": {"execCPUAffinity": {"initial": "1048577", "final": "3-1"}}}`, `process.execCPUAffinity.initial: "1048577" is not a list like "0-3,7": a number is greater than 1048576
			process.execCPUAffinity.final: "3-1" is not a list like "0-3,7": the range 3-1 runs backwards`},
		{`{"process": {"execCPUAffinity": {"initial": "1,", "final": "1-"}}}`, `process.execCPUAffinity.initial: "1," is not a list like "0-3,7": a number is missing at the end
			process.execCPUAffinity.final: "1-" is not a list like "0-3,7": a number is missing at the end`},
		{`{"process": {"execCPUAffinity": {"initial": "a", "final": "0x3"}}}`, `process.execCPUAffinity.initial: "a" is not a list like "0-3,7": unexpected 'a'
			process.execCPUAffinity.final: "0x3" is not a list like "0-3,7": unexpected 'x'`},
		{`{"process": {"execCPUAffinity": {"initial": ",1", "final": "1-2-3"}}}`, `process.execCPUAffinity.initial: ",1" is not a list like "0-3,7": unexpected ','
			process.execCPUAffinity.final: "1-2-3" is not a list like "0-3,7": unexpected '-'`},
		{`{"process": {"execCPUAffinity": {"initial": "-1", "final": "99999999999999999999"}}}`, `process.execCPUAffinity.initial: "-1" is not a list like "0-3,7": unexpected '-'
			process.execCPUAffinity.final: "99999999999999999999" is not a list like "0-3,7": a number is greater than 1048576`},
	})
}

// A process of exec has no configuration around it, so what depends on one,
// such as the mapping of its ids, is not asked.
func TestValidateProcessAlone(t *testing.T) {
	p := &Process{Args: []string{"sh"}, Cwd: "/", User: User{UID: 4_000_000_000}}
	if got := lines(ValidateProcess(p)); got != "" {
		t.Errorf("a good process: %s", got)
	}
	p.Cwd, p.Env = "", []string{"A"}
	if got, want := lines(ValidateProcess(p)), "process.env[0]: \"A\" has no \"=\"\nprocess.cwd: must not be empty"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
