//! Plan, show, then do: nothing publishes or removes before somebody said yes.

use std::io::{BufRead, IsTerminal, Write};

use crate::error::CommandError;
use crate::exit::Exit;
use crate::output::Output;

/// The option that says yes beforehand.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Yes {
    /// Do it without asking
    #[arg(long, short)]
    pub yes: bool,
}

impl Yes {
    /// Whether to go on, after the plan was shown: asks on a terminal, and elsewhere wants `--yes`.
    pub fn or_ask(self, output: &Output, question: &str) -> Result<bool, CommandError> {
        if self.yes {
            return Ok(true);
        }
        let mut stderr = std::io::stderr();
        let stdin = std::io::stdin();
        if !stdin.is_terminal() || !stderr.is_terminal() {
            return Err(
                CommandError::usage("nothing was done: this needs a yes").hint("look at the plan, then add --yes")
            );
        }
        let failed = |error: std::io::Error| CommandError::of(Exit::SomeFailed, &error);
        write!(stderr, "{question} [y/N] ").and_then(|()| stderr.flush()).map_err(failed)?;
        let mut answer = String::new();
        stdin.lock().read_line(&mut answer).map_err(failed)?;
        let yes = matches!(answer.trim().to_lowercase().as_str(), "y" | "yes");
        if !yes {
            output.note("nothing was done");
        }
        Ok(yes)
    }
}
