package libcontainer

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/minirun/minirun/cgroups"
)

// subCgroups is where an exec goes that asks for cgroups below the container's, see ExecOptions.SubCgroups. Later entries win. own is nil for a
// container without a cgroup, which has none below it either. Nothing of it is made or removed by the exec.
func subCgroups(own *cgroups.Record, entries []string) (*cgroups.Record, error) {
	if own == nil || len(own.Dirs) == 0 {
		if len(entries) > 0 {
			return nil, fmt.Errorf("cgroup %q: the container has no cgroup of its own", entries[0])
		}
		return own, nil
	}
	at := own.Sub("")
	for _, e := range entries {
		controllers, rel, some := strings.Cut(e, ":")
		if !some {
			rel = e
		}
		if below := strings.TrimLeft(rel, "/"); below != "" && !filepath.IsLocal(below) {
			return nil, fmt.Errorf("cgroup %q: it is not below the container's", e)
		}
		sub := own.Sub(rel)
		if !some {
			at = sub
			continue
		}
		for c := range strings.SplitSeq(controllers, ",") {
			i := slices.IndexFunc(own.Dirs, func(d cgroups.Dir) bool {
				return slices.Contains(d.Controllers, c) || d.Name != "" && "name="+d.Name == c
			})
			if i < 0 {
				return nil, fmt.Errorf("cgroup %q: this host has no hierarchy with the controller %q", e, c)
			}
			at.Dirs[i] = sub.Dirs[i]
		}
	}
	return &at, nil
}
