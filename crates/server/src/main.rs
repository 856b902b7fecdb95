//! The `tidegate` binary: reads the command line and hands over.

use std::process::ExitCode;

// Batches are many small allocations of many sizes; and glibc's allocator is slow at them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    tidegate_server::cli::main()
}
