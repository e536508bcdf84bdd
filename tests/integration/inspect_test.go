//go:build integration

package integration

import (
	"strconv"
	"strings"
)

// inspection is a shell script that prints what a process of the container
// can see of itself. It needs /proc and busybox or Debian commands in PATH.
const inspection = `
for name in status limits mountinfo cgroup oom_score_adj uid_map gid_map; do
	echo "@@ $name"; cat /proc/$$/$name
done
echo "@@ environ"; tr '\0' '\n' </proc/$$/environ
echo "@@ cmdline"; tr '\0' '\n' </proc/$$/cmdline
echo "@@ ns"; for n in /proc/$$/ns/*; do echo "${n##*/} $(readlink $n)"; done
echo "@@ cwd"; pwd -P
echo "@@ umask"; umask
echo "@@ hostname"; hostname
echo "@@ fds"; ls -1 /proc/$$/fd
echo "@@ end"
`

// A view is what the inspection script printed, by section.
type view struct {
	b        *box
	sections map[string]string
}

// inspect runs the container with the inspection script and reads the result.
func (c *container) inspect(flags ...string) view {
	c.Helper()
	return c.parseView(c.run(flags...).ok().stdout)
}

func (b *box) parseView(text string) view {
	b.Helper()
	v := view{b: b, sections: map[string]string{}}
	var name string
	for line := range strings.Lines(text) {
		if after, ok := strings.CutPrefix(line, "@@ "); ok {
			name = strings.TrimSpace(after)
			continue
		}
		v.sections[name] += line
	}
	if name != "end" {
		b.Fatalf("the inspection ended in section %q:\n%s", name, text)
	}
	return v
}

// get returns a section without its last line break.
func (v view) get(section string) string { return strings.TrimSuffix(v.sections[section], "\n") }

// lines returns the lines of a section.
func (v view) lines(section string) []string {
	return strings.FieldsFunc(v.get(section), func(r rune) bool { return r == '\n' })
}

// status returns a field of /proc/self/status.
func (v view) status(field string) string {
	v.b.Helper()
	for line := range strings.Lines(v.sections["status"]) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	v.b.Fatalf("no field %s in /proc/self/status", field)
	return ""
}

// is fails the test unless a field of /proc/self/status has the value. White
// space between words counts as one blank.
func (v view) is(field, want string) {
	v.b.Helper()
	equal(v.b, field, strings.Join(strings.Fields(v.status(field)), " "), want)
}

// limit returns the soft and hard value of a row of /proc/self/limits.
func (v view) limit(row string) string {
	v.b.Helper()
	for line := range strings.Lines(v.sections["limits"]) {
		if values, ok := strings.CutPrefix(line, row); ok {
			return strings.Join(strings.Fields(values)[:2], " ")
		}
	}
	v.b.Fatalf("no row %q in /proc/self/limits", row)
	return ""
}

// namespace returns the link text of a namespace.
func (v view) namespace(name string) string {
	for _, line := range v.lines("ns") {
		if link, ok := strings.CutPrefix(line, name+" "); ok {
			return link
		}
	}
	return ""
}

// A mountLine is one line of mountinfo.
type mountLine struct {
	root, point, fstype, source string
	options, super              []string
	tags                        []string // shared:N, master:N …
}

// mountTable reads a mountinfo text.
func mountTable(text string) []mountLine {
	var table []mountLine
	for line := range strings.Lines(text) {
		before, after, found := strings.Cut(line, " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if !found || len(left) < 6 || len(right) < 3 {
			continue
		}
		table = append(table, mountLine{
			root: unescape(left[3]), point: unescape(left[4]), options: strings.Split(left[5], ","), tags: left[6:],
			fstype: right[0], source: right[1], super: strings.Split(right[2], ","),
		})
	}
	return table
}

// unescape undoes the octal escapes of mountinfo.
func unescape(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				out.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		out.WriteByte(s[i])
	}
	return out.String()
}

// mount returns the topmost mount on a path.
func (v view) mount(point string) mountLine {
	v.b.Helper()
	table := mountTable(v.sections["mountinfo"])
	for i := len(table) - 1; i >= 0; i-- {
		if table[i].point == point {
			return table[i]
		}
	}
	v.b.Errorf("nothing is mounted on %s:\n%s", point, v.sections["mountinfo"])
	return mountLine{}
}
