package specs

import (
	"bytes"
	"errors"
	"io/fs"
	"math"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
)

// write makes a file with the given content and returns its path.
func write(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), ConfigName)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// What is wrong with the text of a document, and the message without the name
// of the file.
func TestBadText(t *testing.T) {
	deep := strings.Repeat("[", MaxDepth-1)
	for _, tc := range []struct{ name, text, want string }{
		{"empty", "", "1:1: the file is empty"},
		{"white space only", "\n \n", "3:1: the file is empty"},
		{"program", "\x7fELF\x02\x01", "1:1: not JSON, starts with byte 0x7f"},
		{"text", "ociVersion: 1.0.0\n", "1:1: not JSON, starts with 'o'"},
		{"letter beyond ASCII", "é", "1:1: not JSON, starts with 'é'"},
		{"NUL bytes", "\x00\x00\x00", "1:1: not JSON, starts with byte 0x00"},
		{"continuation byte", "\x80", "1:1: not JSON, starts with byte 0x80"},
		{"no character", "\xff", "1:1: not JSON, starts with byte 0xff"},
		{"byte order mark alone", "\xef\xbb\xbf", "1:1: the file starts with a byte order mark, which JSON does not allow"},
		{"UTF-16 alone", "\xfe\xff", "1:1: the file is UTF-16, but JSON is UTF-8"},
		{"byte order mark", "\xef\xbb\xbf{}", "1:1: the file starts with a byte order mark, which JSON does not allow"},
		{"UTF-16", "\xff\xfe{\x00}\x00", "1:1: the file is UTF-16, but JSON is UTF-8"},
		{"array", "[]", "1:1: expected object, got array"},
		{"null", " null", "1:2: expected object, got null"},
		{"almost a word", "nul", "1:4: unexpected end of file, expected \"null\""},
		{"truncated after brace", "{", "1:2: unexpected end of file, expected a field name in double quotes"},
		{"truncated in name", "{\n\"ociVer", "2:8: unexpected end of file inside a string"},
		{"truncated after name", "{\"ociVersion\"", "1:14: unexpected end of file, expected ':' after the field name"},
		{"truncated after colon", "{\"ociVersion\":", "1:15: unexpected end of file, expected a value"},
		{"truncated after value", "{\"ociVersion\":\"1.0.0\"", "1:22: unexpected end of file, expected ',' or '}' after a value of an object"},
		{"truncated in array", "{\"mounts\":[", "1:12: unexpected end of file, expected a value"},
		{"truncated after element", "{\"mounts\":[{}", "1:14: unexpected end of file, expected ',' or ']' after an element of an array"},
		{"truncated after zero", "{\"a\":0", "1:7: unexpected end of file, expected ',' or '}' after a value of an object"},
		{"truncated after digit", "{\"a\":12", "1:8: unexpected end of file, expected ',' or '}' after a value of an object"},
		{"truncated after sign", "{\"a\":-", "1:7: unexpected end of file, expected a digit"},
		{"truncated after point", "{\"a\":1.", "1:8: unexpected end of file, expected a digit"},
		{"truncated after e", "{\"a\":1e", "1:8: unexpected end of file, expected a digit"},
		{"truncated after sign of exponent", "{\"a\":1e+", "1:9: unexpected end of file, expected a digit"},
		{"truncated after first half", `{"a":"\ud83d`, `1:7: half a surrogate pair in a string: \ud83d`},
		{"truncated after backslash of second half", `{"a":"\ud83d\`, `1:7: half a surrogate pair in a string: \ud83d`},
		{"first half and another escape", `{"a":"\ud83d\n"}`, `1:7: half a surrogate pair in a string: \ud83d`},
		{"first half and a letter", `{"a":"\ud83dxu0000"}`, `1:7: half a surrogate pair in a string: \ud83d`},
		{"first half and no half", `{"a":"\ud83d\ue000"}`, `1:7: half a surrogate pair in a string: \ud83d`},
		{"last second half", `{"a":"\udfff"}`, `1:7: half a surrogate pair in a string: \udfff`},
		{"first first half", `{"a":"\ud800"}`, `1:7: half a surrogate pair in a string: \ud800`},
		{"second half twice", `{"a":"\udc00\udc00"}`, `1:7: half a surrogate pair in a string: \udc00`},
		{"letters around hexadecimal digits", `{"a":"\u00G0"}`, "1:7: bad \\u escape sequence in a string: expected four hexadecimal digits"},
		{"signs around decimal digits", `{"a":"\u00:/"}`, "1:7: bad \\u escape sequence in a string: expected four hexadecimal digits"},
		{"truncated in escape", "{\"a\":\"\\", "1:8: unexpected end of file inside a string"},
		{"truncated in \\u", "{\"a\":\"\\u00", "1:11: unexpected end of file inside a string"},
		{"truncated after escape", "{\"a\":\"\\n", "1:9: unexpected end of file inside a string"},
		{"trailing text", "{}\n}", "2:1: unexpected '}' after the end of the document"},
		{"two documents", "{} {}", "1:4: unexpected '{' after the end of the document"},
		{"trailing NUL", "{}\x00", "1:3: unexpected byte 0x00 after the end of the document"},
		{"trailing comma", "{\"a\":1,}", "1:8: unexpected '}', expected a field name in double quotes"},
		{"trailing comma in array", "{\"a\":[1,]}", "1:9: unexpected ']', expected a value"},
		{"no comma", "{\"a\":1\n\"b\":2}", "2:1: unexpected '\"', expected ',' or '}' after a value of an object"},
		{"no colon", "{\"a\" 1}", "1:6: unexpected '1', expected ':' after the field name"},
		{"comment", "{ // note\n}", "1:3: unexpected '/', expected a field name in double quotes"},
		{"single quotes", "{'a':1}", "1:2: unexpected '\\'', expected a field name in double quotes"},
		{"bad word", "{\"a\":trve}", "1:8: unexpected 'v', expected \"true\""},
		{"leading zero", "{\"a\":01}", "1:7: unexpected '1', expected ',' or '}' after a value of an object"},
		{"sign only in a field", "{\"process\":{\"oomScoreAdj\":-}}", "1:28: unexpected '}', expected a digit"},
		{"truncated in second half", "{\"a\":\"\\ud83d\\ude0", "1:18: unexpected end of file inside a string"},
		{"sign only", "{\"a\":-}", "1:7: unexpected '}', expected a digit"},
		{"no fraction", "{\"a\":1.}", "1:8: unexpected '}', expected a digit"},
		{"no exponent", "{\"a\":1e+}", "1:9: unexpected '}', expected a digit"},
		{"line break in string", "{\"a\":\"b\nc\"}", "1:8: unescaped control byte 0x0a in a string"},
		{"control byte after escape", "{\"a\":\"\\n\x01\"}", "1:9: unescaped control byte 0x01 in a string"},
		{"replacement character", "\ufffd", "1:1: not JSON, starts with '\ufffd'"},
		{"escaped space", `{"a":"\ "}`, "1:7: unknown escape sequence in a string: \\ before ' '"},
		{"unknown escape", `{"a":"\x41"}`, "1:7: unknown escape sequence in a string: \\ before 'x'"},
		{"bad \\u", `{"a":"\u00g0"}`, "1:7: bad \\u escape sequence in a string: expected four hexadecimal digits"},
		{"half a pair", `{"a":"\ud83d!"}`, `1:7: half a surrogate pair in a string: \ud83d`},
		{"two first halves", `{"a":"\ud83d\ud83d"}`, `1:7: half a surrogate pair in a string: \ud83d`},
		{"second half alone", `{"a":"\ude00"}`, `1:7: half a surrogate pair in a string: \ude00`},
		{"bad second half", `{"a":"\ud83d\uzz00"}`, `1:13: bad \u escape sequence in a string: expected four hexadecimal digits`},
		{"invalid UTF-8", "{\"a\":\"b\xffc\"}", "1:8: invalid UTF-8 in a string, byte 0xff"},
		{"invalid UTF-8 after escape", "{\"a\":\"\\n\xc3\"}", "1:9: invalid UTF-8 in a string, byte 0xc3"},
		{"continuation byte in string", "{\"a\":\"\x80\"}", "1:7: invalid UTF-8 in a string, byte 0x80"},
		{"overlong UTF-8", "{\"a\":\"\xc0\xaf\"}", "1:7: invalid UTF-8 in a string, byte 0xc0"},
		{"too deep", "{\"a\":" + deep + "[", "1:133: nested deeper than 128 levels"},
		{"objects too deep", strings.Repeat("{\"a\":", MaxDepth) + "{", "1:641: nested deeper than 128 levels"},
		{"too deep where it counts", "{\"windows\":{\"credentialSpec\":" + deep, "1:156: nested deeper than 128 levels"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Decode([]byte(tc.text))
			if err == nil || err.Error() != tc.want {
				t.Errorf("Decode: got  %v\nwant %s", err, tc.want)
			}
			path := write(t, tc.text)
			_, data, err := LoadFile(path)
			if err == nil || err.Error() != path+":"+tc.want || data != nil {
				t.Errorf("LoadFile: got  %v\nwant %s:%s", err, path, tc.want)
			}
		})
	}
}

// The last values that are possible, and the first that are not.
func TestDecodeLimits(t *testing.T) {
	r, err := DecodeResources([]byte(`{"memory":{"limit":9223372036854775807,"swap":-9223372036854775808,"reservation":-0,"swappiness":18446744073709551615},
		"network":{"classID":4294967295},"blockIO":{"weight":65535}}`))
	if err != nil {
		t.Fatal(err)
	}
	m := r.Memory
	if *m.Limit != math.MaxInt64 || *m.Swap != math.MinInt64 || *m.Reservation != 0 || *m.Swappiness != math.MaxUint64 ||
		*r.Network.ClassID != math.MaxUint32 || *r.BlockIO.Weight != math.MaxUint16 {
		t.Errorf("got %+v, %+v, %+v", m, r.Network, r.BlockIO)
	}
	_, err = DecodeResources([]byte(`{"network":{"classID":-0}}`))
	if want := "1:23: linux.resources.network.classID: -0 is out of range, must be 0 to 4294967295"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestDecodeEscapes(t *testing.T) {
	s, err := Decode([]byte(`{"hostname":"\"\\\/\b\f\n\r\t|\u09af\u09AF|\ud7ff\ue000\uffff|\ud800\udc00\udbff\udfff|é"}`))
	if err != nil {
		t.Fatal(err)
	}
	if want := "\"\\/\b\f\n\r\t|\u09af\u09AF|\ud7ff\ue000\uffff|\U00010000\U0010ffff|é"; s.Hostname != want {
		t.Errorf("got %q, want %q", s.Hostname, want)
	}
}

// Good neighbours of the texts above.
func TestGoodText(t *testing.T) {
	deep := MaxDepth - 1
	for _, text := range []string{
		"{}", " \t\r\n{ } \n", `{"a":null,"b":[],"c":{},"d":-0.5E-3,"e":0,"f":true,"g":false}`,
		`{"hostname":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00é"}`,
		"{\"a\":" + strings.Repeat("[", deep) + strings.Repeat("]", deep) + "}",
	} {
		if _, err := Decode([]byte(text)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// All values that do not fit are told, each with its field.
func TestBadValues(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       []string
	}{
		{"element of a list", `{"ociVersion":"1.0.0","process":{"args":["a",1]}}`, []string{
			`1:46: process.args[1]: expected string, got number`,
		}},
		{"several", "{\"ociVersion\":\"1.0.0\",\n\"process\":{\"args\":\"sh\",\"cwd\":[],\n \"terminal\":\"yes\"},\n\"mounts\":[{},{\"options\":{}},7]}", []string{
			`2:19: process.args: expected array, got string`,
			`2:30: process.cwd: expected string, got array`,
			`3:13: process.terminal: expected boolean, got string`,
			`4:25: mounts[1].options: expected array, got object`,
			`4:29: mounts[2]: expected object, got number`,
		}},
		{"integers", `{"ociVersion":"1.0.0","process":{"user":{"uid":-1,"gid":1.5,"umask":1e2,"additionalGids":[0,4294967296,"5",null]}}}`, []string{
			`1:48: process.user.uid: -1 is out of range, must be 0 to 4294967295`,
			`1:57: process.user.gid: expected integer, got 1.5`,
			`1:69: process.user.umask: expected integer, got 1e2`,
			`1:93: process.user.additionalGids[1]: 4294967296 is out of range, must be 0 to 4294967295`,
			`1:104: process.user.additionalGids[2]: expected integer, got string`,
			`1:108: process.user.additionalGids[3]: expected integer, got null`,
		}},
		{"64 bits", `{"ociVersion":"1.0.0","linux":{"resources":{"memory":{"limit":9223372036854775808,"swap":-9223372036854775809,"swappiness":18446744073709551616}}}}`, []string{
			`1:63: linux.resources.memory.limit: 9223372036854775808 is out of range, must be -9223372036854775808 to 9223372036854775807`,
			`1:90: linux.resources.memory.swap: -9223372036854775809 is out of range, must be -9223372036854775808 to 9223372036854775807`,
			`1:124: linux.resources.memory.swappiness: 18446744073709551616 is out of range, must be 0 to 18446744073709551615`,
		}},
		{"16 and 32 bits", `{"ociVersion":"1.0.0","linux":{"resources":{"blockIO":{"weight":65536}}},"process":{"scheduler":{"nice":-2147483649}}}`, []string{
			`1:65: linux.resources.blockIO.weight: 65536 is out of range, must be 0 to 65535`,
			`1:105: process.scheduler.nice: -2147483649 is out of range, must be -2147483648 to 2147483647`,
		}},
		{"longest number told whole", `{"ociVersion":"1.0.0","process":{"oomScoreAdj":` + strings.Repeat("9", 40) + `}}`, []string{
			`1:48: process.oomScoreAdj: ` + strings.Repeat("9", 40) + ` is out of range, must be -9223372036854775808 to 9223372036854775807`,
		}},
		{"with white space", `{ "ociVersion" : "1.0.0" , "ociVersion" : "1.1.0" , "process" : { "user" : { "additionalGids" : [ 0 , -1 ] } } }`, []string{
			`1:43: ociVersion: given more than once in the same object`,
			`1:103: process.user.additionalGids[1]: -1 is out of range, must be 0 to 4294967295`,
		}},
		{"arrays of numbers", `{"ociVersion":"1.0.0","process":{"user":{"additionalGids":5}}}`, []string{
			`1:59: process.user.additionalGids: expected array, got number`,
		}},
		{"long number", `{"ociVersion":"1.0.0","process":{"oomScoreAdj":` + strings.Repeat("9", 60) + `}}`, []string{
			`1:48: process.oomScoreAdj: ` + strings.Repeat("9", 40) + `... is out of range, must be -9223372036854775808 to 9223372036854775807`,
		}},
		{"maps", `{"ociVersion":"1.0.0","annotations":{"a":1,"b.c":null},"linux":{"sysctl":[],"timeOffsets":{"boottime":3,"x y":null},"netDevices":"eth0"}}`, []string{
			`1:42: annotations.a: expected string, got number`,
			`1:50: annotations["b.c"]: expected string, got null`,
			`1:74: linux.sysctl: expected object, got array`,
			`1:103: linux.timeOffsets.boottime: expected object, got number`,
			`1:111: linux.timeOffsets["x y"]: expected object, got null`,
			`1:130: linux.netDevices: expected object, got string`,
		}},
		{"twice", `{"ociVersion":"1.0.0","ociVersion":"1.1.0","annotations":{"a":"1","a":"2"},"linux":{"timeOffsets":{"boottime":{},"boottime":{}}},"windows":{"credentialSpec":{"a":1,"a":2}}}`, []string{
			`1:36: ociVersion: given more than once in the same object`,
			`1:71: annotations.a: given more than once in the same object`,
			`1:125: linux.timeOffsets.boottime: given more than once in the same object`,
			`1:169: windows.credentialSpec.a: given more than once in the same object`,
		}},
		{"null elements", `{"ociVersion":"1.0.0","mounts":[null],"process":{"args":[null]}}`, []string{
			`1:33: mounts[0]: expected object, got null`,
			`1:58: process.args[0]: expected string, got null`,
		}},
		{"opaque number", `{"ociVersion":"1.0.0","windows":{"credentialSpec":[1e999]}}`, []string{
			`1:52: windows.credentialSpec[0]: 1e999 is out of range`,
		}},
		{"embedded structure", `{"ociVersion":"1.0.0","linux":{"resources":{"blockIO":{"weightDevice":[{"major":"8"}]}}}}`, []string{
			`1:81: linux.resources.blockIO.weightDevice[0].major: expected integer, got string`,
		}},
		{"another version", `{"process":[],"ociVersion":"2.0.0"}`, []string{
			`1:28: ociVersion: version "2.0.0" is not supported, only 1.x is`,
			`1:12: process: expected object, got array`,
		}},
		{"no version", `{"process":[]}`, []string{
			`1:1: ociVersion: must be set, for example to "1.3.0"`,
			`1:12: process: expected object, got array`,
		}},
		{"version is no string", `{"ociVersion":1.0}`, []string{
			`1:15: ociVersion: expected string, got number`,
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Decode([]byte(tc.text))
			var pe *ParseError
			if !errors.As(err, &pe) {
				t.Fatalf("error %v, want a *ParseError", err)
			}
			var got []string
			for _, p := range pe.Problems {
				got = append(got, p.String())
			}
			if g, w := strings.Join(got, "\n"), strings.Join(tc.want, "\n"); g != w {
				t.Errorf("got\n%s\nwant\n%s", g, w)
			}
		})
	}
}

func TestBadValuesOnOneLine(t *testing.T) {
	path := write(t, `{"ociVersion":"1.0.0","process":{"args":"sh","cwd":1}}`)
	_, _, err := LoadFile(path)
	want := path + ": 2 problems: 1:41: process.args: expected array, got string; 1:52: process.cwd: expected string, got number"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	_, err = Decode([]byte(`{"ociVersion":"1.0.0","mounts":[` + strings.Repeat("0,", maxProblems+1) + `0]}`))
	if err == nil || !strings.HasPrefix(err.Error(), "102 problems: 1:33: mounts[0]: expected") ||
		!strings.HasSuffix(err.Error(), "mounts[99]: expected object, got number; and 2 more") {
		t.Errorf("error %v, want the first 100 problems and the number of the others", err)
	}
}

// Fields in parts of documents are called as in whole ones.
func TestPartsHaveWholePaths(t *testing.T) {
	_, err := DecodeProcess([]byte(`{"args":[0]}`))
	if want := "1:10: process.args[0]: expected string, got number"; err == nil || err.Error() != want {
		t.Errorf("process: got %v, want %s", err, want)
	}
	_, err = DecodeResources([]byte(`{"pids":{"limit":"x"}}`))
	if want := "1:18: linux.resources.pids.limit: expected integer, got string"; err == nil || err.Error() != want {
		t.Errorf("resources: got %v, want %s", err, want)
	}
	_, err = DecodeResources([]byte(`[]`))
	if want := "1:1: linux.resources: expected object, got array"; err == nil || err.Error() != want {
		t.Errorf("resources: got %v, want %s", err, want)
	}
	_, err = DecodeState([]byte(`{"pid":"x"}`))
	if want := "1:8: pid: expected integer, got string"; err == nil || err.Error() != want {
		t.Errorf("state: got %v, want %s", err, want)
	}
}

func TestFieldNamesAreCaseSensitive(t *testing.T) {
	s, err := Decode([]byte(`{"OCIVersion":"9","ociVersion":"1.0.0","Root":{"path":"x"},"root":{"Path":3}}`))
	if err != nil {
		t.Fatal(err)
	}
	if s.Version != "1.0.0" || s.Root == nil || s.Root.Path != "" {
		t.Errorf("got %+v", s)
	}
}

func TestLoad(t *testing.T) {
	const text = `{"ociVersion":"1.0.0","unknown":{"a":[1]},"hostname":"h"}`
	path := write(t, text)
	check := func(s *Spec, data []byte, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if s.Hostname != "h" || string(data) != text {
			t.Errorf("got %+v and the text %q", s, data)
		}
	}
	check(LoadFile(path))
	check(LoadBundle(filepath.Dir(path), ""))
	check(LoadBundle(filepath.Dir(path), ConfigName))
	check(Load(strings.NewReader(text), "stdin"))

	r, _, err := LoadResources(write(t, `{"pids":{"limit":3}}`))
	if err != nil || *r.Pids.Limit != 3 {
		t.Errorf("LoadResources: %+v, %v", r, err)
	}
	if r, _, err = ReadResources(strings.NewReader(`{"pids":{"limit":4}}`), "stdin"); err != nil || *r.Pids.Limit != 4 {
		t.Errorf("ReadResources: %+v, %v", r, err)
	}
	p, _, err := LoadProcess(write(t, `{"cwd":"/x"}`))
	if err != nil || p.Cwd != "/x" {
		t.Errorf("LoadProcess: %+v, %v", p, err)
	}
}

func TestLoadReaderErrors(t *testing.T) {
	_, _, err := Load(iotest.ErrReader(syscall.EIO), "stdin")
	if want := "stdin: read: input/output error"; err == nil || err.Error() != want || !errors.Is(err, syscall.EIO) {
		t.Errorf("got %v, want %s", err, want)
	}
	_, _, err = Load(strings.NewReader("{"), "stdin")
	if want := "stdin:1:2: unexpected end of file, expected a field name in double quotes"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	_, _, err = Load(strings.NewReader(strings.Repeat(" ", MaxSize+1)), "stdin")
	if want := "stdin: the file is too large, the limit is 16777216 bytes"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if _, _, err = Load(strings.NewReader("{}"+strings.Repeat(" ", MaxSize-2)), "stdin"); err != nil {
		t.Errorf("a document of exactly MaxSize bytes: %v", err)
	}
}

func TestLoadFileErrors(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "socket")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	// A sparse file: its size alone must be enough to refuse it.
	large := filepath.Join(dir, "large")
	if err := os.WriteFile(large, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, 100<<20); err != nil {
		t.Fatal(err)
	}
	loop := filepath.Join(dir, "loop")
	if err := os.Symlink("loop", loop); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		path, want string
		is         error
	}{
		{filepath.Join(dir, "none"), "open: no such file or directory", fs.ErrNotExist},
		{filepath.Join(dir, "large", "x"), "open: not a directory", syscall.ENOTDIR},
		{loop, "open: too many levels of symbolic links", syscall.ELOOP},
		{dir, "is a directory, expected a regular file", nil},
		{socket, "open: no such device or address", syscall.ENXIO},
		{fifo, "is a FIFO, expected a regular file", nil},
		{os.DevNull, "is a character device, expected a regular file", nil},
		{large, "the file is too large (104857600 bytes), the limit is 16777216 bytes", nil},
	} {
		_, _, err := LoadFile(tc.path)
		if want := tc.path + ": " + tc.want; err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
		if tc.is != nil && !errors.Is(err, tc.is) {
			t.Errorf("%v does not wrap %v", err, tc.is)
		}
	}
}

func TestFileKind(t *testing.T) {
	for mode, want := range map[uint32]string{
		syscall.S_IFDIR | 0o755: "is a directory",
		syscall.S_IFIFO:         "is a FIFO",
		syscall.S_IFCHR:         "is a character device",
		syscall.S_IFBLK:         "is a block device",
		0:                       "is not a file",
	} {
		if got := fileKind(mode); got != want {
			t.Errorf("%o: got %q, want %q", mode, got, want)
		}
	}
}

// A null stands for a field that is not set, of whatever type the field is.
func TestNullFieldsAreUnset(t *testing.T) {
	s, err := Decode([]byte(`{"ociVersion":null,"process":null,"hooks":null,"mounts":null,"annotations":null,"root":{"path":null,"readonly":null},
		"linux":{"namespaces":null,"resources":{"pids":{"limit":null},"network":{"classID":null},"memory":{"disableOOMKiller":null},"rdma":null}},
		"windows":{"credentialSpec":null}}`))
	if err != nil {
		t.Fatal(err)
	}
	want := &Spec{
		Root: &Root{},
		Linux: &Linux{Resources: &LinuxResources{
			Pids: &LinuxPids{}, Network: &LinuxNetwork{}, Memory: &LinuxMemory{},
		}},
		Windows: s.Windows,
	}
	if !reflect.DeepEqual(s, want) || s.Windows == nil || s.Windows.CredentialSpec != nil {
		t.Errorf("got %+v", s)
	}
}

// Files below /proc have the size 0 and content all the same.
func TestReadFileWithoutSize(t *testing.T) {
	const path = "/proc/version"
	got, err := readFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) || len(got) == 0 {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLoadFileOfMaxSize(t *testing.T) {
	path := write(t, "{}"+strings.Repeat("\n", MaxSize-2))
	if _, data, err := LoadFile(path); err != nil || len(data) != MaxSize {
		t.Errorf("a file of exactly MaxSize bytes: %v, %d bytes", err, len(data))
	}
}
