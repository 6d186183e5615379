// Prints the argument, which is argv[0], and a "b".
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Println(os.Args[0] + "b")
}
