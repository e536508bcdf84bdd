package libcontainer

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/minirun/minirun/cgroups"
)

// encode returns the record as JSON. It is written out by hand because encoding/json, asked for the first time in a process, spends a third of a
// millisecond on learning the types, twice what writing the file takes. decodePlain is its counterpart. A test holds both to encoding/json, for every field.
func (r *record) encode() []byte {
	var j jsonObject
	j.begin()
	j.number("version", int64(r.Version))
	j.text("id", r.ID)
	j.text("ociVersion", r.OCIVersion)
	j.text("bundle", r.Bundle)
	j.text("rootfs", r.Rootfs)
	j.text("created", r.Created.Format(time.RFC3339Nano))
	j.number("owner", int64(r.OwnerUID))
	j.number("pid", int64(r.Pid))
	j.number("startTime", int64(r.StartTime))
	j.number("namespaces", int64(r.Namespaces))
	if r.Cgroup != nil {
		j.key("cgroup")
		j.cgroup(r.Cgroup)
	}
	if r.Annotations != nil {
		j.key("annotations")
		j.strings(r.Annotations)
	}
	if r.Rdt != nil {
		j.key("rdt")
		j.rdt(r.Rdt)
	}
	j.flag("noPivot", r.NoPivot)
	j.flag("noNewKeyring", r.NoNewKeyring)
	j.number("preserve", int64(r.Preserve))
	j.flag("notify", r.Notify)
	j.flag("moved", r.Moved)
	j.flag("poststop", r.Poststop)
	j.flag("noPoststart", r.NoPoststart)
	j.end()
	return j.b
}

// jsonObject appends members to the object that was begun last.
type jsonObject struct{ b []byte }

func (j *jsonObject) begin() { j.b = append(j.b, '{') }
func (j *jsonObject) end()   { j.b = append(j.b, '}') }

func (j *jsonObject) comma() {
	if last := j.b[len(j.b)-1]; last != '{' && last != '[' {
		j.b = append(j.b, ',')
	}
}

func (j *jsonObject) key(name string) {
	j.comma()
	j.value(name)
	j.b = append(j.b, ':')
}

// value appends a string. Only plain ones are handled here.
func (j *jsonObject) value(s string) {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' || s[i] == '"' || s[i] == '\\' {
			b, _ := json.Marshal(s) // cannot fail for a string
			j.b = append(j.b, b...)
			return
		}
	}
	j.b = append(append(append(j.b, '"'), s...), '"')
}

func (j *jsonObject) text(name, s string) {
	j.key(name)
	j.value(s)
}

func (j *jsonObject) number(name string, n int64) {
	j.key(name)
	j.b = strconv.AppendInt(j.b, n, 10)
}

func (j *jsonObject) flag(name string, v bool) {
	j.key(name)
	j.b = strconv.AppendBool(j.b, v)
}

func (j *jsonObject) strings(m map[string]string) {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	j.begin()
	for _, k := range keys {
		j.text(k, m[k])
	}
	j.end()
}

// list leaves a nil list out.
func (j *jsonObject) list(name string, v []string) {
	if v == nil {
		return
	}
	j.key(name)
	j.b = append(j.b, '[')
	for _, s := range v {
		j.comma()
		j.value(s)
	}
	j.b = append(j.b, ']')
}

func (j *jsonObject) cgroup(r *cgroups.Record) {
	j.begin()
	if r.Dirs == nil {
		j.end()
		return
	}
	j.key("dirs")
	j.b = append(j.b, '[')
	for _, d := range r.Dirs {
		j.comma()
		j.begin()
		j.number("version", int64(d.Version))
		j.list("controllers", d.Controllers)
		j.text("name", d.Name)
		j.flag("noPrefix", d.NoPrefix)
		j.text("mountPoint", d.MountPoint)
		j.text("path", d.Path)
		j.number("made", int64(d.Made))
		j.end()
	}
	j.b = append(j.b, ']')
	if u := r.Unit; u != nil {
		j.key("unit")
		j.begin()
		j.text("name", u.Name)
		j.text("slice", u.Slice)
		j.flag("user", u.User)
		j.text("bus", u.Bus)
		j.text("description", u.Description)
		j.end()
	}
	j.end()
}
