package specs

import (
	"encoding/json"
	"reflect"
	"strings"
)

// UnknownFields returns the paths of the fields of a configuration that the specification does not have, in the order of the
// types and, among themselves, of their names. Every reader has to ignore them; for a person who wrote "maskedPath" they are worth a word. A text that is
// not JSON has none. It is for reports, and takes its time.
func UnknownFields(text []byte) []string {
	var doc any
	if json.Unmarshal(text, &doc) != nil {
		return nil
	}
	var found []string
	unknown(&found, "", doc, reflect.TypeFor[Spec]())
	return found
}

// unknown walks a value along the type that it is decoded into.
func unknown(found *[]string, path string, value any, t reflect.Type) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch v := value.(type) {
	case []any:
		if t.Kind() == reflect.Slice {
			for i := range v {
				unknown(found, element(path, i), v[i], t.Elem())
			}
		}
	case map[string]any:
		if t.Kind() == reflect.Map {
			for _, key := range sortedKeys(v) {
				unknown(found, member(path, key), v[key], t.Elem())
			}
		}
		if t.Kind() != reflect.Struct {
			return
		}
		fields := jsonFields(t)
		for _, key := range sortedKeys(v) {
			if f, ok := fields[key]; ok {
				unknown(found, member(path, key), v[key], f)
			} else {
				*found = append(*found, member(path, key))
			}
		}
	}
}

// jsonFields returns the types of the fields of a struct by their names in JSON, those of embedded structs among them.
func jsonFields(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			for n, ft := range jsonFields(f.Type) {
				fields[n] = ft
			}
		case name != "" && name != "-":
			fields[name] = f.Type
		}
	}
	return fields
}
