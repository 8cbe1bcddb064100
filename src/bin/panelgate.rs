//! The command line program.

fn main() -> std::process::ExitCode {
    panelgate::cli::main()
}
