//! The options that every command takes; each command declares its own beside its work.

use std::path::PathBuf;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, Parser};

use crate::commands::Command;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

const AFTER: &str = "\
Begin with:
  fonoteca init my-archive                        make an archive
  cd my-archive
  fonoteca ingest ~/Music --basis private-copy    take files in
  fonoteca user add ana                           make an account
  fonoteca serve                                  listen, in a browser or a Subsonic app

Exit codes: 0 done, 1 some items failed (each is named), 2 wrong usage, 3 refused by a rights rule, \
4 the archive is damaged, locked or not there, 70 a bug, 130 interrupted.";

/// Keep, describe, find, play and share an archive of music
///
/// Fonoteca takes in recordings that you lawfully hold, describes them, keeps every byte provably intact, streams them
/// to your own accounts, and gives what the rights allow to anyone who wants a verified copy. Rights travel with every
/// item, and the default is dark: without a recorded basis an item is kept and checked, and given to nobody.
#[derive(Debug, Parser)]
#[command(name = "fonoteca", version, styles = STYLES, after_help = AFTER, disable_help_subcommand = true)]
#[command(arg_required_else_help = true, max_term_width = 120)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// The archive's folder [default: the one that the current folder is in]
    #[arg(long, global = true, value_name = "DIR", env = "FONOTECA_ARCHIVE", hide_env_values = true)]
    pub archive: Option<PathBuf>,
    /// Print results for programs: one JSON object a line
    #[arg(long, global = true)]
    pub json: bool,
    /// Print results and errors only
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Show no progress
    #[arg(long, global = true)]
    pub no_progress: bool,
    /// Log more to stderr; twice and thrice for more still
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_declaration_makes_sense() {
        Cli::command().debug_assert();
    }
}
