package specs

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// bundles returns the configurations that engines wrote, by file name.
func bundles(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/bundles/*.json")
	if err != nil || len(files) < 30 {
		t.Fatalf("found %d configurations in testdata/bundles (%v), want at least 30", len(files), err)
	}
	all := map[string][]byte{}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(f)] = data
	}
	return all
}

// reference decodes data with encoding/json into v, which is a pointer. That
// package takes field names in any case; members that only match so are taken
// out first.
func reference(data []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var doc any
	if err := json.Unmarshal(data, new(any)); err != nil {
		return err
	}
	if err := dec.Decode(&doc); err != nil {
		return err
	}
	dropWrongCase(doc, reflect.TypeOf(v).Elem())
	clean, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	return json.Unmarshal(clean, v)
}

// dropWrongCase removes the members of doc, which is to be decoded as a t, that
// have the name of a field in another case.
func dropWrongCase(doc any, t reflect.Type) {
	switch t.Kind() {
	case reflect.Pointer:
		dropWrongCase(doc, t.Elem())
	case reflect.Slice:
		list, _ := doc.([]any)
		for _, e := range list {
			dropWrongCase(e, t.Elem())
		}
	case reflect.Map:
		object, _ := doc.(map[string]any)
		for _, e := range object {
			dropWrongCase(e, t.Elem())
		}
	case reflect.Struct:
		object, _ := doc.(map[string]any)
		for _, f := range reflect.VisibleFields(t) {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			for key, e := range object {
				if key == name {
					dropWrongCase(e, f.Type)
				} else if name != "" && strings.EqualFold(key, name) && !hasField(t, key) {
					delete(object, key)
				}
			}
		}
	}
}

// hasField reports whether the struct t has a field with exactly that name.
func hasField(t reflect.Type, name string) bool {
	for _, f := range reflect.VisibleFields(t) {
		if got, _, _ := strings.Cut(f.Tag.Get("json"), ","); got == name {
			return true
		}
	}
	return false
}

// stricter are the parts of the messages for what this package refuses and
// encoding/json takes; see the package documentation.
var stricter = []string{
	"given more than once", "got null", "invalid UTF-8", "half a surrogate pair", "nested deeper",
}

// compare checks that data means the same here as to encoding/json.
func compare[T any](t *testing.T, data []byte, decode func([]byte) (*T, error)) {
	t.Helper()
	var want T
	refErr := reference(data, &want)
	got, err := decode(data)
	switch {
	case err == nil && refErr != nil:
		t.Errorf("accepted, but encoding/json says %v:\n%q", refErr, data)
	case err == nil && !reflect.DeepEqual(got, &want):
		t.Errorf("decoded differently from encoding/json:\n%q", data)
	case err != nil && got != nil:
		t.Errorf("both a value and the error %v:\n%q", err, data)
	case err != nil && refErr == nil:
		for _, reason := range stricter {
			if strings.Contains(err.Error(), reason) {
				return
			}
		}
		t.Errorf("refused (%v), but encoding/json accepts:\n%q", err, data)
	}
	if err != nil && (strings.ContainsAny(err.Error(), "\n\x00") || err.Error() == "") {
		t.Errorf("error is not one line: %q", err)
	}
}

func TestDecodeEqualsEncodingJSONOnRealBundles(t *testing.T) {
	for name, data := range bundles(t) {
		t.Run(name, func(t *testing.T) {
			if _, err := Decode(data); err != nil {
				t.Fatal(err)
			}
			compare(t, data, Decode)
		})
	}
	process, err := os.ReadFile("testdata/exec-process-docker.json")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := DecodeProcess(process); err != nil {
		t.Fatal(err)
	}
	compare(t, process, DecodeProcess)
}

// filled returns a JSON document with every field of t set.
func filled(t reflect.Type) any {
	switch t.Kind() {
	case reflect.Pointer:
		return filled(t.Elem())
	case reflect.Slice:
		return []any{filled(t.Elem()), filled(t.Elem())}
	case reflect.Map:
		return map[string]any{"a key": filled(t.Elem()), "": filled(t.Elem())}
	case reflect.Struct:
		object := map[string]any{}
		for _, f := range reflect.VisibleFields(t) {
			if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
				object[name] = filled(f.Type)
			}
		}
		return object
	case reflect.String:
		return "text \"\\\u2028\U0001f600\t"
	case reflect.Bool:
		return true
	case reflect.Interface:
		return map[string]any{"n": 9.5, "l": []any{true, false, nil, "s"}, "e": -2e3}
	case reflect.Int, reflect.Int64, reflect.Int32:
		return -7
	}
	return 7
}

// Every field of every type must be decoded, also those that no engine writes.
func TestDecodeEveryField(t *testing.T) {
	check := func(t *testing.T, typ reflect.Type, decode func([]byte) (any, error)) {
		data, err := json.MarshalIndent(filled(typ), "", "\t")
		if err != nil {
			t.Fatal(err)
		}
		want := reflect.New(typ)
		if err := json.Unmarshal(data, want.Interface()); err != nil {
			t.Fatal(err)
		}
		got, err := decode(data)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want.Interface()) {
			t.Errorf("got %+v\nwant %+v", got, want.Interface())
		}
	}
	check(t, reflect.TypeFor[Spec](), func(b []byte) (any, error) { return Decode(b) })
	check(t, reflect.TypeFor[Process](), func(b []byte) (any, error) { return DecodeProcess(b) })
	check(t, reflect.TypeFor[LinuxResources](), func(b []byte) (any, error) { return DecodeResources(b) })
	check(t, reflect.TypeFor[State](), func(b []byte) (any, error) { return DecodeState(b) })
}

// pieces are what mutate puts into documents.
var pieces = []string{
	"null", "{}", "[]", "[null]", "{\"a\":null}", "\"\"", "-1", "-0", "0", "1e3", "1.5", "4294967296",
	"18446744073709551615", "18446744073709551616", "-9223372036854775808", "true", "\"\\u0000\"",
	"\"\\ud83d\\ude00\"", "\"\\ud83d\"", "\"\xff\"", ",", ":", "]", "}", "\\", "\"", " ", "\x00", "\n",
	"\"linux\":", "\"Linux\":", "\"process\":{}", "[[[[", "[\"a\",1,{}]",
}

// mutate returns data with some random damage.
func mutate(r *rand.Rand, data []byte) []byte {
	out := bytes.Clone(data)
	for range 1 + r.IntN(3) {
		at := r.IntN(len(out) + 1)
		end := min(len(out), at+r.IntN(12))
		switch r.IntN(4) {
		case 0: // cut something out
			out = append(out[:at:at], out[end:]...)
		case 1: // say something twice
			out = append(out[:end:end], out[at:]...)
		case 2: // put something else instead of a value
			if colon := bytes.IndexByte(out[at:], ':'); colon >= 0 {
				at += colon + 1
				end = at + len(out[at:]) - len(bytes.TrimLeft(out[at:], " \n0123456789truefalsn"))
			}
			fallthrough
		default: // put something in
			out = append(out[:at:at], append([]byte(pieces[r.IntN(len(pieces))]), out[end:]...)...)
		}
	}
	return out
}

func TestDecodeEqualsEncodingJSONOnDamagedBundles(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	accepted := 0
	for name, data := range bundles(t) {
		if len(data) > 14000 && !strings.HasPrefix(name, "docker-default") {
			continue // more of the same, for more time
		}
		for range 60 {
			damaged := mutate(r, data)
			compare(t, damaged, Decode)
			if _, err := Decode(damaged); err == nil {
				accepted++
			}
		}
		if t.Failed() {
			return
		}
	}
	if accepted == 0 {
		t.Error("no damaged document was accepted, so nothing was compared")
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `[]`, `null`, `{"ociVersion":"1.0.0"}`, `{"process":{"args":["a",null,1]}}`,
		`{"linux":{"sysctl":{"a":"b"},"timeOffsets":{"boottime":{"secs":-1}}}}`,
		`{"windows":{"layerFolders":[],"credentialSpec":{"a":[1,2.5e3,"\ud83d\ude00"]}}}`,
		`{"process":{"user":{"uid":-0,"additionalGids":[1,2]},"rlimits":[{"hard":18446744073709551615}]}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) { compare(t, data, Decode) })
}

func BenchmarkDecode(b *testing.B) {
	data, err := os.ReadFile("testdata/bundles/docker-default.json")
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(data); err != nil {
			b.Fatal(err)
		}
	}
}

// The price of encoding/json once its caches are warm, to compare with.
func BenchmarkEncodingJSON(b *testing.B) {
	data, err := os.ReadFile("testdata/bundles/docker-default.json")
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if err := json.Unmarshal(data, new(Spec)); err != nil {
			b.Fatal(err)
		}
	}
}
