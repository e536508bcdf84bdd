package libcontainer

import (
	"fmt"
	"hash/fnv"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/nsenter"
	"github.com/minirun/minirun/specs"
)

// defaultPath is where programs are looked for when process.env has no PATH.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// defaultUmask is what callers of runtimes rely on when process.user.umask is not set.
const defaultUmask = 0o022

func (c *compiler) session() {
	if !c.opts.noNewKeyring {
		// Kernels without keyrings, and users over their quota of keys, run the container in the caller's.
		c.try("session keyring", nsenter.ProcKeyring{Name: keyringName(c.opts)})
	}
	c.add("session", nsenter.ProcSetsid{})
}

// keyringName is the same for every program of a container, which joins the keyring by its name, and another for a container of the same id in
// another root directory.
func keyringName(o planOptions) string {
	h := fnv.New32a()
	h.Write([]byte(o.root)) // never fails
	return fmt.Sprintf("_ses.%s.%08x", o.id, h.Sum32())
}

// openConsole makes the terminal in the container's own devpts.
func (c *compiler) openConsole(root nsenter.Slot, ptmx, target string) {
	p := c.process
	if !p.Terminal {
		return
	}
	c.tty = c.slot()
	op := nsenter.ConsoleOpen{Root: root, Ptmx: ptmx, Target: target, Uid: p.User.UID, Gid: ttyGroup, Point: pointConsole, Tty: c.tty}
	if s := p.ConsoleSize; s != nil {
		op.Rows, op.Cols = uint32(s.Height), uint32(s.Width)
	}
	c.add("process.terminal", op, hostDeliverConsole{}, hostAck{})
}

// ttyGroup leaves the terminal's group as devpts made it (its gid option).
const ttyGroup = ^uint32(0)

// console opens the terminal of an exec, in the container's root as it is.
func (c *compiler) console() {
	if c.exec != nil {
		c.openConsole(nsenter.NoSlot, "dev/pts/ptmx", "")
	}
}

// attachConsole gives the program its streams. Pipes become the user's, as /dev/stdout could not be opened otherwise.
func (c *compiler) attachConsole() {
	if c.process.Terminal {
		c.add("process.terminal", nsenter.ConsoleAttach{Tty: c.tty})
		return
	}
	c.add("process.user", nsenter.StdioOwn{Uid: c.process.User.UID})
}

func (c *compiler) scheduling() {
	p := c.process
	c.affinity()
	if d := c.linux().Personality; d != nil {
		c.add("linux.personality", nsenter.ProcPersonality{Value: personality(d)})
	}
	if m := c.linux().MemoryPolicy; m != nil {
		c.add("linux.memoryPolicy", memoryPolicy(m))
	}
	if p.IOPriority != nil {
		c.add("process.ioPriority", nsenter.ProcIoprio{Value: ioPriority(p.IOPriority)})
	}
	if p.Scheduler != nil {
		c.add("process.scheduler", nsenter.ProcScheduler{Attr: schedAttr(p.Scheduler)})
	}
}

func personality(p *specs.LinuxPersonality) uint64 {
	if p.Domain == specs.PerLinux32 {
		return 0x0008 // PER_LINUX32, personality(2)
	}
	return 0
}

// fewFiles is the number of descriptors that finding the program takes, with some to spare.
const fewFiles = 64

// rlimits come late, since the init's own descriptors may be above the new limit, and while the hard ones may still be raised.
func (c *compiler) rlimits() {
	for i, l := range c.process.Rlimits {
		op := nsenter.RlimitSet{Resource: rlimitNumber(l.Type), Soft: l.Soft, Hard: l.Hard}
		if c.opensFew(l) {
			op.Soft, op.Hard = fewFiles, max(l.Hard, fewFiles)
			c.try(rlimitField(i), op) // a limit that is lower already is refused later, if at all
			continue
		}
		c.add(rlimitField(i), op)
	}
}

// lastRlimits are those that leave fewer descriptors than finding the program takes. Lowering a limit needs no right.
func (c *compiler) lastRlimits() {
	for i, l := range c.process.Rlimits {
		if c.opensFew(l) {
			c.add(rlimitField(i), nsenter.RlimitSet{Resource: rlimitNumber(l.Type), Soft: l.Soft, Hard: l.Hard})
		}
	}
}

func (c *compiler) opensFew(l specs.POSIXRlimit) bool {
	return rlimitNumber(l.Type) == unix.RLIMIT_NOFILE && l.Soft < fewFiles
}

func rlimitField(i int) string { return fmt.Sprintf("process.rlimits[%d]", i) }

// hostRlimits raises limits from outside: in a user namespace the init lacks the right to.
func (c *compiler) hostRlimits() []nsenter.Item {
	if !c.ns.own(unix.CLONE_NEWUSER) {
		return nil
	}
	var steps []nsenter.Item
	for i, l := range c.process.Rlimits {
		steps = append(steps, step(rlimitField(i), hostRlimit{l}))
	}
	return steps
}

// rlimitNumber is the resource of getrlimit(2) for a type that validation has accepted.
func rlimitNumber(kind string) uint32 {
	n, _ := specs.RlimitNumber(kind)
	return uint32(n)
}

// enterCwd goes there as root, since the user may not be able to reach it; where root may not (NFS), lookup does it as the user.
func (c *compiler) enterCwd() {
	c.try("process.cwd", nsenter.ProcChdir{Path: c.cwd(), Flags: nsenter.FlagChdirRetry})
}

func (c *compiler) cwd() string { return path.Clean("/" + c.process.Cwd) }

func (c *compiler) user() {
	u := c.process.User
	c.add("process.user", nsenter.ProcHome{Uid: u.UID, Skip: c.homeSet()})
	if !c.ids.noGroups {
		c.add("process.user.additionalGids", nsenter.CredGroups{Gids: u.AdditionalGids})
	}
	c.add("process.user", nsenter.CredUser{Uid: u.UID, Gid: u.GID, Flags: nsenter.FlagCredKeepcaps})
}

// emptyHome stands for a home directory that is not set: the one of /etc/passwd takes its place.
const emptyHome = "HOME="

func (c *compiler) homeSet() uint32 {
	for _, e := range environment(c.process.Env) {
		if strings.HasPrefix(e, emptyHome) && e != emptyHome {
			return 1
		}
	}
	return 0
}

func (c *compiler) lookup() {
	umask := uint32(defaultUmask)
	if m := c.process.User.Umask; m != nil {
		umask = *m
	}
	c.add("process.user.umask", nsenter.ProcUmask{Mask: umask})
	c.reach()
	c.add("process.cwd", nsenter.ProcChdir{Path: c.cwd(), Flags: nsenter.FlagChdirRetry})
	c.add("process.args[0]", nsenter.ProcLookup{Name: c.process.Args[0], Candidates: candidates(c.process)})
}

// candidates are the paths where args[0] may be. A relative directory in PATH is left out, as it would depend on the working directory. An empty
// name is found nowhere: it would be the directories themselves.
func candidates(p *specs.Process) []string {
	name := p.Args[0]
	if name == "" {
		return nil
	}
	if strings.Contains(name, "/") {
		return []string{name}
	}
	var list []string
	for dir := range strings.SplitSeq(pathOf(p.Env), ":") {
		if strings.HasPrefix(dir, "/") {
			list = append(list, path.Join(dir, name))
		}
	}
	return list
}

func pathOf(env []string) string {
	p := defaultPath
	for _, e := range env {
		if v, ok := strings.CutPrefix(e, "PATH="); ok {
			p = v
		}
	}
	return p
}

func (c *compiler) closeFiles() {
	c.add("open files", nsenter.ProcClosefds{First: uint32(3 + c.opts.preserve)})
}

func (c *compiler) waitForStart(g gate) {
	if g != gateStart {
		return
	}
	c.add("start", nsenter.SyncCreated{Start: c.startSlot, Result: c.resultSlot})
}

func (c *compiler) final() { c.add("exec", nsenter.SyncFinal{}) }

func (c *compiler) execute() {
	env := slices.DeleteFunc(environment(c.process.Env), func(e string) bool { return e == emptyHome })
	c.add("process.args", nsenter.ProcExec{Args: c.process.Args, Env: env})
}

// environment is process.env with each variable once; the last one wins.
func environment(env []string) []string {
	last := make(map[string]int, len(env))
	for i, e := range env {
		name, _, _ := strings.Cut(e, "=")
		last[name] = i
	}
	out := make([]string, 0, len(last))
	for i, e := range env {
		if name, _, _ := strings.Cut(e, "="); last[name] == i {
			out = append(out, e)
		}
	}
	return out
}
