//! `fonoteca user remove`: end an account.

use serde_json::json;

use super::Ended;
use crate::confirm::Yes;
use crate::context::Context;
use crate::exit::Exit;

/// Remove an account with all that is its: passwords, playlists, stars, plays
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The user's name
    name: String,
    #[command(flatten)]
    yes: Yes,
}

pub async fn run(args: Args, context: &Context) -> Ended {
    let archive = context.open().await?;
    let accounts = context.accounts(&archive).await?;
    let user = super::find(&accounts, &args.name).await?;
    let output = context.output();
    output.note(format_args!("{} ({}), since {}", user.name, user.role.as_str(), user.created));
    if !args.yes.or_ask(output, "Remove this account with its playlists, stars and plays?")? {
        return Ok(Exit::Done);
    }
    accounts.remove_user(&user.name).await?;
    output.result(&json!({"name": user.name, "removed": true}), |output| {
        output.line(format_args!("{} is removed", user.name));
    });
    Ok(Exit::Done)
}
