// The greatest common divisor by Euclid, signs ignored, as an export of a WASI reactor: the gateway calls _initialize,
// which starts Go's runtime, and then gcd.
package main

//go:wasmexport gcd
func gcd(first, second int32) int32 {
	a, b := magnitude(first), magnitude(second)
	for b != 0 {
		a, b = b, a%b
	}
	return int32(a)
}

func magnitude(number int32) uint32 {
	if number < 0 {
		return -uint32(number)
	}
	return uint32(number)
}

// A reactor's main never runs; Go wants one.
func main() {}
