package rootfs

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// want is what a list of options is to be read as.
type want struct {
	top, tree attrs
	sb        string
	ms        uint64
	prop      []uint64
	kinds     kind
}

func check(t *testing.T, list string, w want) {
	t.Helper()
	p := parseOptions(strings.Split(list, " "))
	if p.top != w.top || p.tree != w.tree {
		t.Errorf("%s: top %#x tree %#x, want %#x %#x", list, p.top, p.tree, w.top, w.tree)
	}
	if got := strings.Join(p.sb, " "); got != w.sb {
		t.Errorf("%s: superblock flags %q, want %q", list, got, w.sb)
	}
	if p.ms != w.ms {
		t.Errorf("%s: mount(2) flags %#x, want %#x", list, p.ms, w.ms)
	}
	if !slices.Equal(p.prop, w.prop) {
		t.Errorf("%s: propagation %#x, want %#x", list, p.prop, w.prop)
	}
	if p.kinds != w.kinds {
		t.Errorf("%s: kinds %b, want %b", list, p.kinds, w.kinds)
	}
	if len(p.data) > 0 {
		t.Errorf("%s: left for the filesystem: %v", list, p.data)
	}
}

// rows says for each option what it does alone. The numbers are those of linux/mount.h, written out on purpose.
var rows = map[string]want{
	"async":          {},
	"atime":          {top: attrs{0, 0x70}},
	"bind":           {kinds: kindBind},
	"copy-symlink":   {kinds: kindCopyLink},
	"defaults":       {},
	"dest-nofollow":  {kinds: kindDstNoFollow},
	"dev":            {top: attrs{0, 0x4}},
	"diratime":       {top: attrs{0, 0x80}},
	"dirsync":        {sb: "dirsync"},
	"exec":           {top: attrs{0, 0x8}},
	"idmap":          {kinds: kindIdmap},
	"iversion":       {ms: 0x800000},
	"lazytime":       {sb: "lazytime"},
	"loud":           {},
	"mand":           {sb: "mand"},
	"noatime":        {top: attrs{0x10, 0x70}},
	"nodev":          {top: attrs{0x4, 0}},
	"nodiratime":     {top: attrs{0x80, 0}},
	"noexec":         {top: attrs{0x8, 0}},
	"noiversion":     {},
	"nolazytime":     {},
	"nomand":         {},
	"norelatime":     {},
	"nostrictatime":  {top: attrs{0, 0x70}},
	"nosuid":         {top: attrs{0x2, 0}},
	"nosymfollow":    {top: attrs{0x200000, 0}},
	"private":        {prop: []uint64{0x40000}},
	"ratime":         {tree: attrs{0, 0x70}},
	"rbind":          {kinds: kindRbind},
	"rdev":           {tree: attrs{0, 0x4}},
	"rdiratime":      {tree: attrs{0, 0x80}},
	"relatime":       {top: attrs{0, 0x70}},
	"remount":        {kinds: kindRemount},
	"rexec":          {tree: attrs{0, 0x8}},
	"ridmap":         {kinds: kindRidmap},
	"rnoatime":       {tree: attrs{0x10, 0x70}},
	"rnodev":         {tree: attrs{0x4, 0}},
	"rnodiratime":    {tree: attrs{0x80, 0}},
	"rnoexec":        {tree: attrs{0x8, 0}},
	"rnorelatime":    {tree: attrs{0, 0x70}},
	"rnostrictatime": {tree: attrs{0, 0x70}},
	"rnosuid":        {tree: attrs{0x2, 0}},
	"rnosymfollow":   {tree: attrs{0x200000, 0}},
	"ro":             {top: attrs{0x1, 0}, sb: "ro"},
	"rprivate":       {prop: []uint64{0x44000}},
	"rrelatime":      {tree: attrs{0, 0x70}},
	"rro":            {tree: attrs{0x1, 0}},
	"rrw":            {tree: attrs{0, 0x1}},
	"rshared":        {prop: []uint64{0x104000}},
	"rslave":         {prop: []uint64{0x84000}},
	"rstrictatime":   {tree: attrs{0x20, 0x70}},
	"rsuid":          {tree: attrs{0, 0x2}},
	"rsymfollow":     {tree: attrs{0, 0x200000}},
	"runbindable":    {prop: []uint64{0x24000}},
	"rw":             {top: attrs{0, 0x1}},
	"shared":         {prop: []uint64{0x100000}},
	"silent":         {ms: 0x8000},
	"slave":          {prop: []uint64{0x80000}},
	"src-nofollow":   {kinds: kindSrcNoFollow},
	"strictatime":    {top: attrs{0x20, 0x70}},
	"suid":           {top: attrs{0, 0x2}},
	"symfollow":      {top: attrs{0, 0x200000}},
	"sync":           {sb: "sync"},
	"tmpcopyup":      {kinds: kindCopyUp},
	"unbindable":     {prop: []uint64{0x20000}},
}

func TestEveryOption(t *testing.T) {
	for _, name := range MountOptions() {
		w, ok := rows[name]
		if !ok {
			t.Errorf("%s has no row in this test", name)
			continue
		}
		check(t, name, w)
	}
	if len(rows) != len(options) {
		t.Errorf("%d options, %d rows in this test", len(options), len(rows))
	}
}

// TestSpecOptions has the list of config.md, "Linux mount options", of runtime-spec 1.3.0.
func TestSpecOptions(t *testing.T) {
	for _, name := range strings.Fields(`async atime bind defaults dev diratime dirsync exec iversion lazytime loud mand noatime nodev nodiratime
		noexec noiversion nolazytime nomand norelatime nostrictatime nosuid nosymfollow private ratime rbind rdev rdiratime relatime remount
		rexec rnoatime rnodiratime rnoexec rnorelatime rnostrictatime rnosuid rnosymfollow ro rprivate rrelatime rro rrw rshared rslave
		rstrictatime rsuid rsymfollow runbindable rw shared silent slave strictatime suid symfollow sync tmpcopyup unbindable idmap ridmap`) {
		if findOption(name) == nil {
			t.Errorf("%s is not known", name)
		}
	}
}

func TestOptionsAreSorted(t *testing.T) {
	if names := MountOptions(); !slices.IsSorted(names) {
		t.Errorf("not sorted: %v", names)
	}
}

func TestOptionLists(t *testing.T) {
	const atime = unix.MOUNT_ATTR__ATIME
	for list, w := range map[string]want{
		"ro rw":                       {top: attrs{0, 1}},
		"rw ro":                       {top: attrs{1, 0}, sb: "ro"},
		"nosuid suid nosuid":          {top: attrs{2, 0}},
		"noatime relatime":            {top: attrs{0, atime}},
		"relatime noatime":            {top: attrs{0x10, atime}},
		"noatime strictatime":         {top: attrs{0x20, atime}},
		"strictatime atime":           {top: attrs{0x20, atime}}, // atime ends noatime only
		"noatime atime":               {top: attrs{0, atime}},
		"noatime nostrictatime":       {top: attrs{0x10, atime}},
		"strictatime nostrictatime":   {top: attrs{0, atime}},
		"strictatime norelatime":      {top: attrs{0x20, atime}},
		"rro ro rrw":                  {top: attrs{1, 0}, tree: attrs{0, 1}, sb: "ro"},
		"sync async lazytime":         {sb: "lazytime"},
		"mand sync nomand":            {sb: "sync"},
		"slave shared slave":          {prop: []uint64{unix.MS_SLAVE, unix.MS_SHARED}},
		"shared rw bind rbind":        {top: attrs{0, 1}, prop: []uint64{unix.MS_SHARED}, kinds: kindBind | kindRbind},
		"silent iversion loud":        {ms: 0x800000},
		"iversion silent noiversion":  {ms: 0x8000},
		"idmap=uids=0-1-2;gids=0-1-2": {kinds: kindIdmap},
		"ridmap=gids=":                {kinds: kindRidmap},
		" ro ":                        {top: attrs{1, 0}, sb: "ro"},
	} {
		check(t, list, w)
	}
}

func TestUnknownOptionsKeepTheirPlace(t *testing.T) {
	p := parseOptions([]string{"ro", "size=1m", "nodev", "Ro"})
	if want := []datum{{1, "size=1m"}, {3, "Ro"}}; !slices.Equal(p.data, want) {
		t.Errorf("got %v, want %v", p.data, want)
	}
}

func TestSplitData(t *testing.T) {
	for in, want := range map[string][]string{
		"size=1m":                   {"size=1m"},
		"size=1m,mode=700":          {"size=1m", "mode=700"},
		",a,,b=,":                   {"a", "b="},
		`context="u:r:t:c1,c2"`:     {"context=u:r:t:c1,c2"},
		`context="u:c1,c2",x=1`:     {"context=u:c1,c2", "x=1"},
		`lowerdir=/a\,b:/c`:         {`lowerdir=/a\,b:/c`},
		`lowerdir=/a\,b,x`:          {`lowerdir=/a\,b`, "x"},
		`a\`:                        {`a\`},
		"context=a:s0:c1,c2,uid=1":  {"context=a:s0:c1,c2", "uid=1"},
		"rootcontext=a:c1.c3,c7.c9": {"rootcontext=a:c1.c3,c7.c9"},
		"context=a,c1x,c,c2.":       {"context=a", "c1x", "c", "c2."},
		"x=1,c2":                    {"x=1", "c2"},
	} {
		if got := splitData(in); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", in, got, want)
		}
	}
}
