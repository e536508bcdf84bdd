package libcontainer

import "github.com/minirun/minirun/nsenter"

// Synchronisation points, in the order in which a plan can have them.
const (
	pointIDMap   = 1 + iota // the user namespace stands, its maps are missing
	pointForked             // the final process stands
	pointCgroup             // the process is in its cgroup, the cgroup namespace can be made
	pointConsole            // the terminal's controlling side is handed over
	pointReady              // everything stands but the change of the root: hooks, limits, state
	pointSeccomp            // the listener of a seccomp filter is handed over
	pointNetwork            // before all others: the network namespace is handed over
)

// planCreate is the life of a container up to its program, in order. The order is the security design; order_test.go says what of it
// must hold and why. Host steps run beside the init's until the next synchronisation point.
func (c *compiler) planCreate() {
	c.recordState()       // host: first of all, so that nothing is ever made that a later delete cannot find
	c.makeNotify()        // host: a socket to tell that the program is ready
	c.makeNetworkAside()  // host: the network namespace, on a thread of its own
	c.openNamespaces()    // host: namespaces to join
	c.openSources()       // host: bind sources, and a root, that the container's user may be unable to reach
	c.makeCgroup()        // host: a version 2 directory, for the process to be born in
	c.makeRdt()           // host: a group of the caches and memory bandwidth
	c.spawn()             // host
	c.handNetwork()       // host
	c.limitCgroup()       // host: copy of the configuration, version 1 directories, limits, while the init begins
	c.answerAhead()       // host: what the init will ask for
	c.enterUnified()      // init: version 2, when it was not born there
	c.earlyMounts()       // init: filesystems with id mappings, which a container's root may not make
	c.joinNamespaces()    // init: non-user namespaces, as the caller's root
	c.userNamespace()     // init, host: maps
	c.unshareNamespaces() // init
	c.forkInto()          // init: pid and time namespaces take effect in a child
	c.session()           // init: keyring, session
	c.prepareRoot()       // init: propagation, the root as a mount of its own
	c.mounts()            // init, with the cgroup and its namespace before the first cgroup mount
	c.devices()           // init
	c.console()           // init, host: terminal
	c.ready()             // init waits; host: limits, hooks of the runtime's namespace, state with the pid
	c.containerHooks()    // init: createContainer
	c.changeRoot()        // init: pivot_root; from here on nothing of the host's tree can be reached
	c.sysctls()           // init, before /proc/sys is read-only: without a procfs of its own it is written there
	c.finishRoot()        // init: read-only, masked paths
	c.hostNames()         // init: hostname, domainname
	c.startProcess(startGate(c.opts.run))
}

// planExec is the life of another program in a container.
func (c *compiler) planExec() {
	c.openCgroup()    // host: version 1
	c.spawn()         // host: in the container's version 2 cgroup
	c.enterCgroup()   // init: version 1
	c.joinContainer() // init: all namespaces of the container at once, by its pidfd
	c.forkInto()      // init
	c.session()
	c.console()
	c.ready()
	c.startProcess(gateNone)
}

// gate says what the process waits for before its program.
type gate int

const (
	gateNone  gate = iota // nothing: run and exec
	gateStart             // the start fifo: create
)

func startGate(run bool) gate {
	if run {
		return gateNone
	}
	return gateStart
}

// startProcess turns the init into the program: identity, rights, filter, execve. Nothing privileged comes after the capabilities
// are dropped, but for a filter that needs a right itself.
func (c *compiler) startProcess(g gate) {
	c.scheduling()     // as long as it is allowed
	c.securityLabels() // apparmor, selinux: for the next execve
	c.attachConsole()  // standard streams
	c.rlimits()        // late: init's own descriptors may be above the new limit
	c.boundingSet()    // needs CAP_SETPCAP
	c.enterCwd()       // as root: the user may not reach its directory otherwise
	c.user()           // groups, gid, uid
	c.lookup()         // umask, cwd and program as the user sees them
	c.lastRlimits()    // too few descriptors for the steps before
	c.closeFiles()     // what is not preserved does not survive execve
	c.showToCaller(g)  // for an exec before the start
	c.dropPrivileges() // seccomp here when it needs CAP_SYS_ADMIN; capabilities
	c.waitForStart(g)  // read(2) and write(2) only from here on, so that any filter lets it pass
	c.startHooks(g)    // startContainer
	c.final()          // last report
	c.lastFilter()     // seccomp here with no_new_privs
	c.execute()        // init
	c.started(g)       // host: poststart hooks of run
}

// add appends operations with the field that asked for them.
func (c *compiler) add(because string, ops ...nsenter.Op) { c.plan.Add(because, ops...) }

// try appends an operation whose failure is none.
func (c *compiler) try(because string, op nsenter.InitOp) {
	c.plan.AddFlags(because, nsenter.FlagOpTry, op)
}

// sync makes the init wait at a point while the host carries out steps. The descriptors that they hand over go to the slots from into
// on.
func (c *compiler) sync(because string, point uint32, into nsenter.Slot, host ...nsenter.Item) {
	c.add(because, nsenter.SyncWait{Point: point, Into: into})
	c.items(host)
	c.add(because, hostAck{})
}

// answered is a synchronisation point at which the answer is there before the question.
func (c *compiler) answered(because string, point uint32, into nsenter.Slot) {
	c.add(because, nsenter.SyncWait{Point: point, Into: into})
}

// step is one host step of a synchronisation point.
func step(because string, op hostOp) nsenter.Item { return nsenter.Item{Op: op, Because: because} }
