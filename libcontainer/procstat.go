package libcontainer

import (
	"errors"
	"strconv"
	"strings"
)

// procStat is what is needed of proc_pid_stat(5).
type procStat struct {
	state     byte
	parent    int
	startTime uint64
}

// parseStat reads fields 3, 4 and 22. The command name, field 2, may hold anything, parentheses and newlines included.
func parseStat(s string) (procStat, error) {
	i := strings.LastIndexByte(s, ')')
	if i < 0 {
		return procStat{}, errors.New("no command name")
	}
	f := strings.Fields(s[i+1:])
	if len(f) < 20 || len(f[0]) != 1 {
		return procStat{}, errors.New("too few fields")
	}
	t, err := strconv.ParseUint(f[19], 10, 64)
	if err != nil {
		return procStat{}, errors.New("start time is no number")
	}
	parent, err := strconv.Atoi(f[1])
	if err != nil {
		return procStat{}, errors.New("id of the parent is no number")
	}
	return procStat{state: f[0][0], parent: parent, startTime: t}, nil
}
