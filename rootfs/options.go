package rootfs

import (
	"math/bits"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// kind is what an option asks for beyond attributes and flags.
type kind uint16

const (
	kindBind kind = 1 << iota
	kindRbind
	kindRemount
	kindIdmap
	kindRidmap
	kindCopyUp
	kindSrcNoFollow
	kindDstNoFollow
	kindCopyLink

	kinds = iota
)

// option is one row of the table of mount options.
type option struct {
	name string
	// set and clr are MOUNT_ATTR_* bits that the option adds and takes away: of the top mount or, with rec, of the whole tree.
	// clr is not the complement of set: access time is an enumeration in MOUNT_ATTR__ATIME, whose zero value is relatime, and
	// mount_setattr(2) wants all of it in attr_clr before any value is set.
	set, clr uint64
	rec      bool
	// undo makes the option take away only this access time: atime ends noatime, but leaves strictatime as it is.
	undo uint64
	// sb and unsb are flags of the superblock that the option adds and takes away. They concern new filesystems only: mount(2)
	// has always ignored them on binds.
	sb, unsb string
	// ms and unms are flags of the superblock that only mount(2) can set: fsconfig(2) has no names for them.
	ms, unms uint64
	prop     uint64 // MS_* propagation
	kind     kind
}

const (
	aRO     = unix.MOUNT_ATTR_RDONLY
	aNosuid = unix.MOUNT_ATTR_NOSUID
	aNodev  = unix.MOUNT_ATTR_NODEV
	aNoexec = unix.MOUNT_ATTR_NOEXEC
	aAtime  = unix.MOUNT_ATTR__ATIME
	aNoat   = unix.MOUNT_ATTR_NOATIME
	aStrict = unix.MOUNT_ATTR_STRICTATIME
	aNodir  = unix.MOUNT_ATTR_NODIRATIME
	aNosym  = unix.MOUNT_ATTR_NOSYMFOLLOW
)

// options is the table, sorted by name (it is searched, and a map would be built at every start of the program).
//
// Rows without any effect are options that mount(8) knows and that say what holds anyway.
var options = [...]option{
	{name: "async", unsb: "sync"},
	{name: "atime", clr: aAtime, undo: aNoat},
	{name: "bind", kind: kindBind},
	{name: "copy-symlink", kind: kindCopyLink},
	{name: "defaults"},
	{name: "dest-nofollow", kind: kindDstNoFollow},
	{name: "dev", clr: aNodev},
	{name: "diratime", clr: aNodir},
	{name: "dirsync", sb: "dirsync"},
	{name: "exec", clr: aNoexec},
	{name: "idmap", kind: kindIdmap},
	{name: "iversion", ms: unix.MS_I_VERSION},
	{name: "lazytime", sb: "lazytime"},
	{name: "loud", unms: unix.MS_SILENT},
	{name: "mand", sb: "mand"},
	{name: "noatime", set: aNoat, clr: aAtime},
	{name: "nodev", set: aNodev},
	{name: "nodiratime", set: aNodir},
	{name: "noexec", set: aNoexec},
	{name: "noiversion", unms: unix.MS_I_VERSION},
	{name: "nolazytime", unsb: "lazytime"},
	{name: "nomand", unsb: "mand"},
	{name: "norelatime"},
	{name: "nostrictatime", clr: aAtime, undo: aStrict},
	{name: "nosuid", set: aNosuid},
	{name: "nosymfollow", set: aNosym},
	{name: "private", prop: unix.MS_PRIVATE},
	{name: "ratime", clr: aAtime, rec: true},
	{name: "rbind", kind: kindRbind},
	{name: "rdev", clr: aNodev, rec: true},
	{name: "rdiratime", clr: aNodir, rec: true},
	{name: "relatime", clr: aAtime},
	{name: "remount", kind: kindRemount},
	{name: "rexec", clr: aNoexec, rec: true},
	{name: "ridmap", kind: kindRidmap},
	{name: "rnoatime", set: aNoat, clr: aAtime, rec: true},
	{name: "rnodev", set: aNodev, rec: true},
	{name: "rnodiratime", set: aNodir, rec: true},
	{name: "rnoexec", set: aNoexec, rec: true},
	{name: "rnorelatime", clr: aAtime, rec: true},
	{name: "rnostrictatime", clr: aAtime, rec: true},
	{name: "rnosuid", set: aNosuid, rec: true},
	{name: "rnosymfollow", set: aNosym, rec: true},
	{name: "ro", set: aRO, sb: "ro"},
	{name: "rprivate", prop: unix.MS_PRIVATE | unix.MS_REC},
	{name: "rrelatime", clr: aAtime, rec: true},
	{name: "rro", set: aRO, rec: true},
	{name: "rrw", clr: aRO, rec: true},
	{name: "rshared", prop: unix.MS_SHARED | unix.MS_REC},
	{name: "rslave", prop: unix.MS_SLAVE | unix.MS_REC},
	{name: "rstrictatime", set: aStrict, clr: aAtime, rec: true},
	{name: "rsuid", clr: aNosuid, rec: true},
	{name: "rsymfollow", clr: aNosym, rec: true},
	{name: "runbindable", prop: unix.MS_UNBINDABLE | unix.MS_REC},
	{name: "rw", clr: aRO, unsb: "ro"},
	{name: "shared", prop: unix.MS_SHARED},
	{name: "silent", ms: unix.MS_SILENT},
	{name: "slave", prop: unix.MS_SLAVE},
	{name: "src-nofollow", kind: kindSrcNoFollow},
	{name: "strictatime", set: aStrict, clr: aAtime},
	{name: "suid", clr: aNosuid},
	{name: "symfollow", clr: aNosym},
	{name: "sync", sb: "sync"},
	{name: "tmpcopyup", kind: kindCopyUp},
	{name: "unbindable", prop: unix.MS_UNBINDABLE},
}

// MountOptions returns the names of all mount options that are handled by name, sorted, for the features document. Options that
// are not in it go to the filesystem.
func MountOptions() []string {
	names := make([]string, len(options))
	for i := range options {
		names[i] = options[i].name
	}
	return names
}

func findOption(name string) *option {
	i, ok := slices.BinarySearchFunc(options[:], name, func(o option, n string) int { return strings.Compare(o.name, n) })
	if !ok {
		return nil
	}
	return &options[i]
}

// attrs is a pair of mount attributes to set and to clear, as mount_setattr(2) takes them.
type attrs struct{ set, clr uint64 }

func (a *attrs) apply(o *option) {
	if was := a.set & aAtime; o.undo != 0 && was != 0 && was != o.undo {
		return
	}
	a.set = a.set&^o.clr | o.set
	a.clr = a.clr&^o.set | o.clr
}

// datum is an option that is none of the table's: the filesystem's business.
type datum struct {
	at   int    // index in the list of options
	text string // as it stands there
}

// parsed is a mount's list of options, read.
type parsed struct {
	top, tree attrs
	sb        []string
	ms        uint64 // flags that only mount(2) can set
	data      []datum
	prop      []uint64 // in the order of the list: slave, then shared is both
	kinds     kind
	idmap     string     // what follows idmap= or ridmap=
	at        [kinds]int // by bit number of the kind: where it stands
}

func parseOptions(list []string) parsed {
	var p parsed
	for i, text := range list {
		o := findOption(text)
		if o == nil {
			o = p.ownIDMap(text)
		}
		switch {
		case text == "":
			continue
		case o == nil:
			p.data = append(p.data, datum{i, text})
			continue
		case o.rec:
			p.tree.apply(o)
		default:
			p.top.apply(o)
		}
		if o.sb != "" && !slices.Contains(p.sb, o.sb) {
			p.sb = append(p.sb, o.sb)
		}
		if o.unsb != "" {
			p.sb = slices.DeleteFunc(p.sb, func(s string) bool { return s == o.unsb })
		}
		p.ms = p.ms&^o.unms | o.ms
		if o.prop != 0 && !slices.Contains(p.prop, o.prop) {
			p.prop = append(p.prop, o.prop)
		}
		p.addKind(o.kind, i)
	}
	return p
}

// ownIDMap recognises idmap and ridmap with the mappings in the option itself, as crun has them.
func (p *parsed) ownIDMap(text string) *option {
	name, ids, _ := strings.Cut(text, "=")
	if name != "idmap" && name != "ridmap" || !strings.HasPrefix(ids, "uids=") && !strings.HasPrefix(ids, "gids=") {
		return nil
	}
	p.idmap = ids
	return findOption(name)
}

func (p *parsed) addKind(k kind, at int) {
	if k != 0 {
		p.kinds |= k
		p.at[bits.TrailingZeros16(uint16(k))] = at
	}
}

// index returns where in the list the option of kind k stands; k must be one of p.kinds.
func (p *parsed) index(k kind) int { return p.at[bits.TrailingZeros16(uint16(k))] }

func (p *parsed) has(k kind) bool { return p.kinds&k != 0 }
func (p *parsed) bind() bool      { return p.has(kindBind | kindRbind) }

// fsAttr is what a new filesystem's only mount gets: there the options for the tree are the same as those for the top.
func (p *parsed) fsAttr() uint64 { return p.top.set&^p.tree.clr | p.tree.set }

// splitData cuts the text of one option, which may hold several after the manner of mount(8), at its commas. A comma within double
// quotes or after a backslash belongs to the value; the quotes are not part of it, as fsconfig(2) takes the values one by one.
func splitData(text string) []string {
	if !strings.ContainsAny(text, `,"`) {
		return []string{text}
	}
	var out []string
	var b strings.Builder
	quoted := false
	flush := func() {
		if b.Len() > 0 {
			out = append(out, b.String())
		}
		b.Reset()
	}
	for i := 0; i < len(text); i++ {
		switch ch := text[i]; {
		case ch == '"':
			quoted = !quoted
		case ch == '\\' && i+1 < len(text):
			b.WriteByte(ch)
			i++
			b.WriteByte(text[i])
		case ch == ',' && !quoted:
			flush()
		default:
			b.WriteByte(ch)
		}
	}
	flush()
	return joinCategories(out)
}

// contextKeys are the options whose values are SELinux labels.
var contextKeys = []string{"context=", "fscontext=", "defcontext=", "rootcontext="}

func isContext(option string, keys ...string) bool {
	return slices.ContainsFunc(keys, func(k string) bool { return strings.HasPrefix(option, k) })
}

// joinCategories mends labels that were written without quotes: what follows as c2 or c2.c7 is a category of the label.
func joinCategories(in []string) []string {
	out := in[:0]
	for _, s := range in {
		if n := len(out); n > 0 && isContext(out[n-1], contextKeys...) && isCategory(s) {
			out[n-1] += "," + s
			continue
		}
		out = append(out, s)
	}
	return out
}

func isCategory(s string) bool {
	for part := range strings.SplitSeq(s, ".") {
		if len(part) < 2 || part[0] != 'c' || strings.Trim(part[1:], "0123456789") != "" {
			return false
		}
	}
	return true
}
