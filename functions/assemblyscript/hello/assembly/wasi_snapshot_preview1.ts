/** What the sample needs of WASI preview 1; a file's name is the name of the module that its declarations come from. */
export declare function fd_write(descriptor: i32, vectors: usize, count: i32, written: usize): i32;
export declare function proc_exit(code: i32): void;
