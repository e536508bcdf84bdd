package nsenter

// EncodePlan makes the bytes of a plan as Start does.
func EncodePlan(p *Plan) ([]byte, error) { return p.encode(header{slots: make([]int32, 16)}) }
