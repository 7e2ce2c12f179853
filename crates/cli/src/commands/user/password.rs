//! `fonoteca user password`: change a password; and how passwords are read.

use std::io::{BufRead, IsTerminal, Read};

use fonoteca_accounts::{MIN_PASSWORD_CHARS, Secret};
use serde_json::json;

use super::Ended;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;

/// Bytes of a line on stdin that is taken for a password.
const MAX_LINE_BYTES: u64 = 4096;

/// Change a user's password
///
/// Ends the user's sessions on the web page; app passwords and API keys stay.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The user's name
    name: String,
    #[command(flatten)]
    given: Given,
}

/// How a password comes in. Never as an argument: those can be read by everybody on the machine.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Given {
    /// Read the password from the first line of stdin
    #[arg(long)]
    password_stdin: bool,
}

impl Given {
    /// The password: from stdin, or asked for twice on the terminal, without echo.
    pub fn read(self) -> Result<Secret, CommandError> {
        let failed = |error: std::io::Error| CommandError::of(Exit::SomeFailed, &error);
        if self.password_stdin {
            let mut line = String::new();
            std::io::stdin().lock().take(MAX_LINE_BYTES).read_line(&mut line).map_err(failed)?;
            return Ok(Secret::new(line.trim_end_matches(['\n', '\r'])));
        }
        if !std::io::stdin().is_terminal() {
            return Err(CommandError::usage("there is no terminal to ask for a password on")
                .hint("give it on stdin, with --password-stdin"));
        }
        let first = rpassword::prompt_password(format!("Password ({MIN_PASSWORD_CHARS} characters or more): "));
        let first = first.map_err(failed)?;
        let second = rpassword::prompt_password("Once more: ").map_err(failed)?;
        if first == second {
            Ok(Secret::new(first))
        } else {
            Err(CommandError::usage("the two are not the same").hint("try again"))
        }
    }
}

pub async fn run(args: Args, context: &Context) -> Ended {
    let archive = context.open().await?;
    let accounts = context.accounts(&archive).await?;
    let user = super::find(&accounts, &args.name).await?;
    accounts.set_password(&user.name, &args.given.read()?).await?;
    context.output().result(&json!({"name": user.name, "changed": true}), |output| {
        output.line(format_args!("the password of {} is changed", user.name));
    });
    Ok(Exit::Done)
}
