//! The binary: the command line, and nothing else. All of it is in `waypost::cli`.

use std::process::ExitCode;

/// Each event is parsed, mapped and dropped as thousands of small pieces.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    waypost::cli::main()
}
