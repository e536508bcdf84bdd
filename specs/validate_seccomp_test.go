package specs

import "testing"

func TestValidateSeccomp(t *testing.T) {
	checkRules(t, []rule{
		{`{"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 4095, "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"],
			"flags": ["SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"],
			"syscalls": [{"names": ["read", "no_such_call"], "action": "SCMP_ACT_TRACE", "errnoRet": 65535,
				"args": [{"index": 5, "value": 1, "valueTwo": 1, "op": "SCMP_CMP_MASKED_EQ"}, {"index": 0, "value": 1, "valueTwo": 0, "op": "SCMP_CMP_EQ"}]}]}}}`, ``},
		{`{"linux": {"seccomp": {}}}`, `linux.seccomp.defaultAction: must be set`},
		{`{"linux": {"seccomp": {"defaultAction": "ALLOW", "architectures": ["SCMP_ARCH_X86", "x86_64"], "flags": ["SECCOMP_FILTER_FLAG_LOG", "LOG"]}}}`, `linux.seccomp.defaultAction: unknown action "ALLOW"
			linux.seccomp.architectures[1]: unknown architecture "x86_64"
			linux.seccomp.flags[1]: unknown flag "LOG"`},
		{`{"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "defaultErrnoRet": 1}}}`, `linux.seccomp.defaultErrnoRet: must not be set for SCMP_ACT_ALLOW`},
		{`{"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 4096}}}`, `linux.seccomp.defaultErrnoRet: 4096 is out of range, must be 0 to 4095 for SCMP_ACT_ERRNO`},
		{`{"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["a"], "action": "SCMP_ACT_KILL", "errnoRet": 1},
			{"names": ["a"], "action": "SCMP_ACT_TRACE", "errnoRet": 65536}, {"names": ["a"], "action": "x", "errnoRet": 1}, {"names": ["a"]}]}}}`, `linux.seccomp.syscalls[0].errnoRet: must not be set for SCMP_ACT_KILL
			linux.seccomp.syscalls[1].errnoRet: 65536 is out of range, must be 0 to 65535 for SCMP_ACT_TRACE
			linux.seccomp.syscalls[2].action: unknown action "x"
			linux.seccomp.syscalls[3].action: must be set`},
		{`{"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"action": "SCMP_ACT_KILL"}, {"names": ["read", "", "x\u0000"], "action": "SCMP_ACT_LOG"}]}}}`, `linux.seccomp.syscalls[0].names: must have at least one entry
			linux.seccomp.syscalls[1].names[1]: must not be empty
			linux.seccomp.syscalls[1].names[2]: "x\x00" contains a NUL byte`},
		{`{"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["a"], "action": "SCMP_ACT_KILL_PROCESS", "args": [
			{"index": 6, "op": "SCMP_CMP_EQ"}, {"index": 0}, {"index": 0, "op": "=="}, {"index": 1, "op": "SCMP_CMP_NE", "valueTwo": 3}]}]}}}`, `linux.seccomp.syscalls[0].args[0].index: 6 is out of range, must be 0 to 5
			linux.seccomp.syscalls[0].args[1].op: must be set
			linux.seccomp.syscalls[0].args[2].op: unknown operator "=="
			warning: linux.seccomp.syscalls[0].args[3].valueTwo: is ignored because op is not SCMP_CMP_MASKED_EQ`},
	})
}

func TestValidateSeccompListener(t *testing.T) {
	const notify = `"syscalls": [{"names": ["mknod"], "action": "SCMP_ACT_NOTIFY"}]`
	checkRules(t, []rule{
		{`{"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/run/s", "listenerMetadata": "m", ` + notify + `}}}`, ``},
		{`{"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", ` + notify + `}}}`, `linux.seccomp.listenerPath: must be set for SCMP_ACT_NOTIFY`},
		{`{"linux": {"seccomp": {"defaultAction": "SCMP_ACT_NOTIFY", "syscalls": [{"names": ["write"], "action": "SCMP_ACT_ALLOW"}]}}}`, `linux.seccomp.listenerPath: must be set for SCMP_ACT_NOTIFY`},
		{`{"linux": {"seccomp": {"defaultAction": "SCMP_ACT_NOTIFY", "listenerPath": "/run/s"}}}`, `linux.seccomp.defaultAction: must not be SCMP_ACT_NOTIFY without a rule for write: the process could not tell the runtime that there is a listener`},
		{`{"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/run/s", "syscalls": [{"names": ["mknod", "write"], "action": "SCMP_ACT_NOTIFY"}]}}}`, `linux.seccomp.syscalls[0].names[1]: must not be write for SCMP_ACT_NOTIFY: the process could not tell the runtime that there is a listener`},
		{`{"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/run/s"}}}`, `warning: linux.seccomp.listenerPath: is ignored because nothing has the action SCMP_ACT_NOTIFY`},
		{`{"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "listenerMetadata": "m"}}}`, `linux.seccomp.listenerMetadata: must not be set without listenerPath`},
		{`{"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/\u0000", ` + notify + `}}}`, `linux.seccomp.listenerPath: "/\x00" contains a NUL byte`},
	})
}
