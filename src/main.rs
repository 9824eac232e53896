//! The `foster` binary: ends with the code of the role that it plays.
//!
//! Rust's runtime is left out, for it changes what `foster init` has to hand on unchanged, and takes time and memory that an
//! init has better uses for. With other C libraries than glibc it is needed, because there it alone learns of the command line.
#![cfg_attr(target_env = "gnu", no_main)]

/// What the C library calls. It stands here and not in the library, whose tests have a `main` of their own.
#[cfg(target_env = "gnu")]
#[allow(unsafe_code)]
#[unsafe(no_mangle)]
extern "C" fn main() -> i32 {
    // Flushes what the standard library has buffered.
    std::process::exit(foster::main().into())
}

#[cfg(not(target_env = "gnu"))]
fn main() -> std::process::ExitCode {
    foster::main().into()
}
