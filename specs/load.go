package specs

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

//go:generate go run ./internal/gendecode decode_gen.go

const (
	// ConfigName is the name of the configuration in a bundle's directory
	// (runtime-spec, bundle.md).
	ConfigName = "config.json"

	// MaxSize is the largest document, in bytes, that the Load functions
	// read. What engines write has some tens of kilobytes; the limit leaves
	// room for arguments and environment as large as execve(2) takes.
	MaxSize = 16 << 20

	// MaxDepth is how deep objects and arrays of a document may be nested,
	// counting from 1. The specification's own types need 8.
	MaxDepth = 128
)

// LoadBundle reads the configuration of the bundle in directory dir. The file
// is called name, or ConfigName if name is empty. See LoadFile.
func LoadBundle(dir, name string) (*Spec, []byte, error) {
	if name == "" {
		name = ConfigName
	}
	return LoadFile(filepath.Join(dir, name))
}

// LoadFile reads a configuration (runtime-spec, config.md). It returns the
// text of the file too, for callers that keep or forward it unchanged.
//
// Unknown fields are ignored, field names are case-sensitive, and a null stands
// for a field that is not set. The version and everything else about the values
// is left to Validate.
//
// Errors are one line. If the file cannot be opened or read, they wrap the
// errno, so that errors.Is(err, fs.ErrNotExist) works. A file that is not a
// regular one (a FIFO would wait for a writer) or is larger than MaxSize is
// refused before anything is read. A text that is not JSON, or has values that
// do not fit their fields, gives a *ParseError.
func LoadFile(path string) (*Spec, []byte, error) {
	return loadFile(path, Decode)
}

// LoadProcess reads a file with nothing but a process object, as "exec
// --process" takes it. See LoadFile; the process is checked by ValidateProcess.
func LoadProcess(path string) (*Process, []byte, error) {
	return loadFile(path, DecodeProcess)
}

// LoadResources reads a file with nothing but a linux.resources object, as
// "update --resources" takes it. See LoadFile; the resources are checked by
// ValidateResources.
func LoadResources(path string) (*LinuxResources, []byte, error) {
	return loadFile(path, DecodeResources)
}

// Load reads a configuration from r until its end, for example from standard
// input. The name stands for the file in error messages. See LoadFile.
func Load(r io.Reader, name string) (*Spec, []byte, error) {
	return load(r, name, Decode)
}

// ReadResources is Load for a linux.resources object.
func ReadResources(r io.Reader, name string) (*LinuxResources, []byte, error) {
	return load(r, name, DecodeResources)
}

// Decode decodes the text of a configuration. See LoadFile; its errors are of
// type *ParseError and name no file.
func Decode(data []byte) (*Spec, error) {
	spec, err := decode(data, "", decodeSpec)
	if err != nil {
		err.addVersion(string(data), spec.Version)
		return nil, err
	}
	return spec, nil
}

// DecodeProcess is Decode for a process object. Its errors call the fields by
// their names in a configuration: "process.args[1]".
func DecodeProcess(data []byte) (*Process, error) {
	return plain(decode(data, "process", decodeProcess))
}

// DecodeResources is Decode for a linux.resources object. Its errors call the
// fields by their names in a configuration: "linux.resources.pids.limit".
func DecodeResources(data []byte) (*LinuxResources, error) {
	return plain(decode(data, "linux.resources", decodeLinuxResources))
}

// DecodeState is Decode for the state of a container (runtime-spec,
// runtime.md#state), as hooks get it and "state" prints it.
func DecodeState(data []byte) (*State, error) {
	return plain(decode(data, "", decodeState))
}

// plain turns the typed error of decode into an error that is nil when the
// pointer is, and drops what was decoded of a bad document.
func plain[T any](v *T, err *ParseError) (*T, error) {
	if err != nil {
		return nil, err
	}
	return v, nil
}

// decode decodes one document with the given generated function; root is the
// path of the document in a configuration. With an error
// the value holds what could be decoded.
func decode[T any](data []byte, root string, object func(*decoder, *T)) (*T, *ParseError) {
	v := new(T)
	d := &decoder{s: string(data)}
	if problem := notText(d.s); problem != "" {
		d.fail(0, problem)
	} else if d.peek() == 0 && d.i == len(d.s) {
		d.fail(d.i, "the file is empty")
	} else if c := d.peek(); c != '{' && !startsValue(c) {
		d.fail(d.i, "not JSON, starts with "+byteName(d.s, d.i))
	} else if c != '{' {
		d.misfit("object")
	} else {
		object(d, v)
		if d.peek() != 0 || d.i < len(d.s) {
			d.fail(d.i, "unexpected "+byteName(d.s, d.i)+" after the end of the document")
		}
	}
	return v, d.parseError(root)
}

// startsValue reports whether a JSON value can start with c.
func startsValue(c byte) bool {
	return strings.IndexByte("{[\"-0123456789tfn", c) >= 0
}

// notText tells what a document is that starts with a byte order mark.
func notText(s string) string {
	switch {
	case len(s) >= 3 && s[:3] == "\xef\xbb\xbf":
		return "the file starts with a byte order mark, which JSON does not allow"
	case len(s) >= 2 && (s[:2] == "\xff\xfe" || s[:2] == "\xfe\xff"):
		return "the file is UTF-16, but JSON is UTF-8"
	}
	return ""
}

func load[T any](r io.Reader, name string, decode func([]byte) (*T, error)) (*T, []byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxSize+1))
	if err != nil {
		return nil, nil, fmt.Errorf("%s: read: %w", name, err)
	}
	if len(data) > MaxSize {
		return nil, nil, tooLarge(name, "")
	}
	return named(name, data, decode)
}

func loadFile[T any](path string, decode func([]byte) (*T, error)) (*T, []byte, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, nil, err
	}
	return named(path, data, decode)
}

// named decodes data and puts the name of its file into the error.
func named[T any](name string, data []byte, decode func([]byte) (*T, error)) (*T, []byte, error) {
	v, err := decode(data)
	if err != nil {
		var pe *ParseError
		if errors.As(err, &pe) {
			pe.Name = name
		}
		return nil, nil, err
	}
	return v, data, nil
}

func tooLarge(name, size string) error {
	return fmt.Errorf("%s: the file is too large%s, the limit is %d bytes", name, size, MaxSize)
}

// readFile reads a regular file of at most MaxSize bytes. It uses the system
// calls themselves: os.File would set up the network poller for the one
// descriptor, and O_NONBLOCK keeps the open of a FIFO from waiting.
func readFile(path string) ([]byte, error) {
	fd, err := retry(func() (int, error) {
		return syscall.Open(path, syscall.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY|syscall.O_CLOEXEC, 0)
	})
	if err != nil {
		return nil, fmt.Errorf("%s: open: %w", path, err)
	}
	defer syscall.Close(fd)
	var st syscall.Stat_t
	if err := syscall.Fstat(fd, &st); err != nil {
		return nil, fmt.Errorf("%s: fstat: %w", path, err)
	}
	if st.Mode&syscall.S_IFMT != syscall.S_IFREG {
		return nil, fmt.Errorf("%s: %s, expected a regular file", path, fileKind(st.Mode))
	}
	if st.Size > MaxSize {
		return nil, tooLarge(path, " ("+strconv.FormatInt(st.Size, 10)+" bytes)")
	}
	// One byte more than the size shows the end without a second buffer.
	// Files of some file systems have no size before they are read.
	buf := make([]byte, 0, st.Size+1)
	for {
		n, err := retry(func() (int, error) { return syscall.Read(fd, buf[len(buf):cap(buf)]) })
		if err != nil {
			return nil, fmt.Errorf("%s: read: %w", path, err)
		}
		if n == 0 {
			return buf, nil
		}
		if buf = buf[:len(buf)+n]; len(buf) > MaxSize {
			return nil, tooLarge(path, "")
		}
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
	}
}

// retry calls f again while a signal interrupts it.
func retry(f func() (int, error)) (int, error) {
	for {
		n, err := f()
		if !errors.Is(err, syscall.EINTR) {
			return n, err
		}
	}
}

// fileKind names the type in a file mode, of those that can be opened: the open
// of a socket fails with ENXIO.
func fileKind(mode uint32) string {
	switch mode & syscall.S_IFMT {
	case syscall.S_IFDIR:
		return "is a directory"
	case syscall.S_IFIFO:
		return "is a FIFO"
	case syscall.S_IFCHR:
		return "is a character device"
	case syscall.S_IFBLK:
		return "is a block device"
	}
	return "is not a file"
}
