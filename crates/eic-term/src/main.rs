//! The `eic-term` command.

mod cli;

/// musl's own asks the system for memory at every large packet, and gives it back.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> std::process::ExitCode {
    cli::main()
}
