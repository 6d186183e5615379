// The smallest WASI command in Go.
package main

import "fmt"

func main() {
	fmt.Println("Hello, Budda!")
}
