package main

import (
	"bytes"
	"os"
	"reflect"
	"strings"
	"testing"
)

// The committed file must be what the generator makes of the types in use: a
// newer runtime-spec in go.mod without "go generate" fails here.
func TestGeneratedFileIsCurrent(t *testing.T) {
	want, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../decode_gen.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("specs/decode_gen.go is out of date: run go generate ./specs")
	}
}

func TestAssignRefusesTypesItCannotDecode(t *testing.T) {
	for _, typ := range []reflect.Type{
		reflect.TypeFor[float64](),
		reflect.TypeFor[*float64](),
		reflect.TypeFor[[]float64](),
		reflect.TypeFor[map[int]string](),
		reflect.TypeFor[map[string]int](),
	} {
		if _, err := assign("v.X", typ); err == nil || !strings.Contains(err.Error(), "no decoder for") {
			t.Errorf("%s: error %v, want one saying that there is no decoder", typ, err)
		}
	}
}
