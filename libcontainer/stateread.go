package libcontainer

import (
	"bytes"
	"strconv"
	"time"

	"github.com/minirun/minirun/cgroups"
)

// decodePlain reads what encode wrote, by hand for encode's reason: every command begins with it. It knows neither escaped text nor the rarer members;
// false means that the text is to be read by encoding/json. What it makes of the text is only taken when encode makes the same text of it.
func (r *record) decodePlain(b []byte) bool {
	s := jsonScanner{rest: b}
	s.object(func(name string) {
		switch name {
		case "version":
			r.Version = int(s.number())
		case "id":
			r.ID = s.text()
		case "ociVersion":
			r.OCIVersion = s.text()
		case "bundle":
			r.Bundle = s.text()
		case "rootfs":
			r.Rootfs = s.text()
		case "created":
			created, err := time.Parse(time.RFC3339Nano, s.text())
			r.Created, s.failed = created, s.failed || err != nil
		case "owner":
			r.OwnerUID = int(s.number())
		case "pid":
			r.Pid = int(s.number())
		case "startTime":
			r.StartTime = uint64(s.number())
		case "namespaces":
			r.Namespaces = uint64(s.number())
		case "cgroup":
			r.Cgroup = s.cgroup()
		case "annotations":
			r.Annotations = map[string]string{}
			s.object(func(key string) { r.Annotations[key] = s.text() })
		case "noPivot":
			r.NoPivot = s.flag()
		case "noNewKeyring":
			r.NoNewKeyring = s.flag()
		case "preserve":
			r.Preserve = int(s.number())
		case "notify":
			r.Notify = s.flag()
		case "moved":
			r.Moved = s.flag()
		case "poststop":
			r.Poststop = s.flag()
		case "noPoststart":
			r.NoPoststart = s.flag()
		default:
			s.failed = true
		}
	})
	return !s.failed && bytes.Equal(r.encode(), b)
}

// jsonScanner takes values from the front of a text without white space and escapes. After the first that is not as expected all are zero.
type jsonScanner struct {
	rest   []byte
	failed bool
}

// take removes a byte, if it comes next.
func (s *jsonScanner) take(c byte) bool {
	if s.failed || len(s.rest) == 0 || s.rest[0] != c {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

func (s *jsonScanner) expect(c byte) { s.failed = !s.take(c) }

func (s *jsonScanner) object(member func(name string)) {
	s.expect('{')
	for !s.failed && !s.take('}') {
		name := s.text()
		s.expect(':')
		member(name)
		s.between('}')
	}
}

func (s *jsonScanner) array(element func()) {
	s.expect('[')
	for !s.failed && !s.take(']') {
		element()
		s.between(']')
	}
}

// between takes the comma after a value that is not the last.
func (s *jsonScanner) between(end byte) {
	if !s.take(',') && (len(s.rest) == 0 || s.rest[0] != end) {
		s.failed = true
	}
}

func (s *jsonScanner) text() string {
	s.expect('"')
	n := bytes.IndexByte(s.rest, '"')
	if s.failed || n < 0 || bytes.IndexByte(s.rest[:n], '\\') >= 0 {
		s.failed = true
		return ""
	}
	v := string(s.rest[:n])
	s.rest = s.rest[n+1:]
	return v
}

func (s *jsonScanner) number() int64 {
	n := 0
	for n < len(s.rest) && (s.rest[n] == '-' || s.rest[n] >= '0' && s.rest[n] <= '9') {
		n++
	}
	v, err := strconv.ParseInt(string(s.rest[:n]), 10, 64)
	s.rest, s.failed = s.rest[n:], s.failed || err != nil
	return v
}

func (s *jsonScanner) flag() bool {
	if rest, ok := bytes.CutPrefix(s.rest, []byte("true")); ok {
		s.rest = rest
		return true
	}
	rest, ok := bytes.CutPrefix(s.rest, []byte("false"))
	s.rest, s.failed = rest, s.failed || !ok
	return false
}

func (s *jsonScanner) cgroup() *cgroups.Record {
	r := &cgroups.Record{}
	s.object(func(name string) {
		if name != "dirs" {
			s.failed = true // a unit: those who talk to systemd do not notice
			return
		}
		r.Dirs = []cgroups.Dir{}
		s.array(func() { r.Dirs = append(r.Dirs, s.dir()) })
	})
	return r
}

func (s *jsonScanner) dir() cgroups.Dir {
	var d cgroups.Dir
	s.object(func(name string) {
		switch name {
		case "version":
			d.Version = int(s.number())
		case "controllers":
			d.Controllers = []string{}
			s.array(func() { d.Controllers = append(d.Controllers, s.text()) })
		case "name":
			d.Name = s.text()
		case "noPrefix":
			d.NoPrefix = s.flag()
		case "mountPoint":
			d.MountPoint = s.text()
		case "path":
			d.Path = s.text()
		case "made":
			d.Made = int(s.number())
		default:
			s.failed = true
		}
	})
	return d
}
