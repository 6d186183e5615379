module wasmgate.example/functions

go 1.24
