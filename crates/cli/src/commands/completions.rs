//! `fonoteca completions`: complete commands in a shell.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::context::Context;
use crate::exit::Exit;

/// Print a script that completes commands in a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fonoteca completions bash > ~/.local/share/bash-completion/completions/fonoteca
  fonoteca completions zsh > ~/.zfunc/_fonoteca
  fonoteca completions fish > ~/.config/fish/completions/fonoteca.fish")]
pub struct Args {
    /// The shell
    shell: Shell,
}

pub fn run(args: &Args, context: &Context) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "fonoteca", &mut script);
    context.output().line(String::from_utf8_lossy(&script).trim_end());
    Exit::Done
}
