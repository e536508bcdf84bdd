package cgroups

import (
	"strconv"
	"strings"
)

// OOMKills returns how many processes of the cgroup the kernel has killed for
// want of memory: oom_kill in memory.oom_control (version 1, since Linux 4.13) or
// in memory.events (version 2). Without a memory controller it is 0.
func (c *Cgroup) OOMKills() (int, error) {
	i := c.record.index("memory")
	if i < 0 {
		return 0, nil
	}
	dir, err := c.dir(i)
	if gone(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	name := "memory.events"
	if c.record.Dirs[i].Version == 1 {
		name = "memory.oom_control"
	}
	text, err := readAt(dir, name)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(text) {
		if n, ok := strings.CutPrefix(strings.TrimSpace(line), "oom_kill "); ok {
			return strconv.Atoi(n)
		}
	}
	return 0, nil
}
