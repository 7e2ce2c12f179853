//! `fonoteca`, the command line: it reads options, runs one workflow of the archive, and shows what came of it.
//!
//! One file per command is in `commands/`. Nothing here decides what an archive does; this crate knows the terminal,
//! the environment and the exit codes.

mod cli;
mod commands;
mod confirm;
mod context;
mod environment;
mod error;
mod exit;
mod interrupt;
mod nice;
mod output;
mod progress;
mod values;

use std::process::ExitCode;

use clap::Parser;

use cli::Cli;
use context::Context;
use error::CommandError;
use exit::Exit;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Worker threads get what the main thread has: query plans are deep, and unoptimised frames are large.
const STACK_BYTES: usize = 8 << 20;

fn main() -> ExitCode {
    exit::guarded(run).into()
}

fn run() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help on a pipe that nobody reads any more is no error.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Done };
        }
    };
    environment::log_to_stderr(cli.global.verbose);
    let context = Context::new(&cli.global);
    let output = context.output();
    let exit = match work(cli, &context) {
        Ok(exit) => exit,
        Err(error) => {
            output.error(&error);
            error.exit()
        }
    };
    match output.finish() {
        Err(error) if exit == Exit::Done => {
            output.error(&CommandError::of(Exit::SomeFailed, &error));
            Exit::SomeFailed
        }
        _ => exit,
    }
}

fn work(cli: Cli, context: &Context) -> Result<Exit, CommandError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(STACK_BYTES)
        .build()
        .map_err(|error| CommandError::of(Exit::SomeFailed, &error))?;
    let done = runtime.block_on(commands::run(cli.command, context));
    // What still runs in the background has nothing to say any more.
    runtime.shutdown_background();
    done
}
