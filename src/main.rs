//! The binary: the command line, and nothing else. All of it is in `waypost::cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    waypost::cli::main()
}
