//! The `spillway` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    spillway_command::cli::main()
}
