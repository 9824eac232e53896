//! The `foster` binary: decides which role it plays, and with which code it ends.

fn main() -> std::process::ExitCode {
    foster::cli::main()
}
