package nsenter

import (
	"fmt"
	"strconv"
	"strings"
)

//go:generate go run ./internal/gen

// Slot names a descriptor of the init process. The host side fills some slots before the launch (Launch.Slots), operations fill
// others; no operation ever sees a raw descriptor number.
type Slot int32

// NoSlot is the absent slot.
const NoSlot Slot = -1

// MaxSlots is the number of slots that one plan may use.
const MaxSlots = 4096

// InitStep tells which system call or check within an operation failed.
type InitStep uint32

// String returns the step's name as ops.tab has it, which is the system call's name where it is one.
func (s InitStep) String() string {
	if int(s) < len(stepNames) {
		return stepNames[s]
	}
	return "step " + strconv.Itoa(int(s))
}

// Field is one argument of an operation, for printing.
type Field struct {
	Name  string
	Value any
}

// Op is one operation of a plan, on either side. Operations of the init side are the generated types of this package (see InitOp);
// the host side's are defined where they are carried out.
type Op interface {
	// OpName is the operation's name as `minirun plan` prints it.
	OpName() string
	// Fields lists the arguments in a fixed order.
	Fields() []Field
}

// InitOp is an operation that the init carries out. Only the types generated from ops.tab implement it.
type InitOp interface {
	Op
	code() uint16
	encode(e *encoder)
}

type decodable interface {
	decode(d *decoder)
	value() InitOp
}

// Item is one line of a plan.
type Item struct {
	Op      Op
	Flags   uint16 // FlagOpTry, FlagOpElse; init side only
	Because string // what asked for it, for people and for errors: "mounts[3]", "process.cwd", "default devices"
}

// Side says who carries an item out: "host" or "init".
func (it Item) Side() string {
	if _, ok := it.Op.(InitOp); ok {
		return "init"
	}
	return "host"
}

// String returns the item as one line: "try" or "else" where it has such a flag, the operation, its arguments that are not empty.
func (it Item) String() string {
	var b strings.Builder
	if it.Flags&FlagOpTry != 0 {
		b.WriteString("try ")
	}
	if it.Flags&FlagOpElse != 0 {
		b.WriteString("else ")
	}
	b.WriteString(it.Op.OpName())
	for _, f := range it.Op.Fields() {
		if s := formatValue(f); s != "" {
			b.WriteString(" " + s)
		}
	}
	return b.String()
}

// Plan is the whole life of a create or an exec as one ordered list, host steps and init steps together. The init's items are
// encoded by Encode; the order among host items, and between sides, is kept by whoever runs the plan with synchronisation points.
type Plan struct {
	Items []Item
}

// Append appends items. An operation given by pointer is stored as its value now, so that whoever reads the plan finds one type of
// each.
func (p *Plan) Append(items ...Item) {
	for _, it := range items {
		if d, ok := it.Op.(decodable); ok {
			it.Op = d.value()
		}
		p.Items = append(p.Items, it)
	}
}

// Add appends an operation with the reason for it.
func (p *Plan) Add(because string, ops ...Op) {
	for _, op := range ops {
		p.Append(Item{Op: op, Because: because})
	}
}

// AddFlags appends one operation of the init side with flags (FlagOpTry, FlagOpElse).
func (p *Plan) AddFlags(because string, flags uint16, op InitOp) {
	p.Append(Item{Op: op, Flags: flags, Because: because})
}

func formatValue(f Field) string {
	switch v := f.Value.(type) {
	case string:
		if v == "" {
			return ""
		}
		return f.Name + "=" + quote(v)
	case []string:
		if len(v) == 0 {
			return ""
		}
		q := make([]string, len(v))
		for i, s := range v {
			q[i] = quote(s)
		}
		return f.Name + "=[" + strings.Join(q, " ") + "]"
	case []byte:
		return fmt.Sprintf("%s=%d bytes", f.Name, len(v))
	case []uint32:
		return fmt.Sprintf("%s=%v", f.Name, v)
	case Slot:
		if v == NoSlot {
			return ""
		}
		return fmt.Sprintf("%s=#%d", f.Name, v)
	case uint64:
		if v == 0 {
			return ""
		}
		return fmt.Sprintf("%s=%#x", f.Name, v)
	case uint32:
		if v == 0 {
			return ""
		}
		return fmt.Sprintf("%s=%d", f.Name, v)
	default:
		return fmt.Sprintf("%s=%v", f.Name, v)
	}
}

func quote(s string) string {
	if s == "" || strings.ContainsAny(s, " \t\n\"'\\[]") || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
		return strconv.Quote(s)
	}
	return s
}
