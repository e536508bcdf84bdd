package libcontainer

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"
)

// fill sets everything in v to something that is not its zero value, so that a field that encode forgets does not come back.
func fill(v reflect.Value, n *int) {
	*n++
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(1_700_000_000, 123_456_789).UTC()))
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 3, 3))
		for i := range 3 {
			fill(v.Index(i), n)
		}
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{"a": "b", `"ü\n`: "\x01\u2028", "": ""}))
	case reflect.String:
		v.SetString([]string{"plain", `quote " and \ and / <b>`, "ü\x00\n\t\x7f"}[*n%3])
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int:
		v.SetInt(int64(*n))
	case reflect.Uint64:
		v.SetUint(uint64(*n) << 40)
	default:
		panic("no value for a field of kind " + v.Kind().String())
	}
}

func TestRecordEncode(t *testing.T) {
	full := record{}
	n := 0
	fill(reflect.ValueOf(&full).Elem(), &n)
	for name, r := range map[string]record{"full": full, "empty": {}} {
		b := r.encode()
		var got record
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, b)
		}
		if !reflect.DeepEqual(got, r) {
			t.Errorf("%s: got %+v, want %+v", name, got, r)
		}
	}
}
