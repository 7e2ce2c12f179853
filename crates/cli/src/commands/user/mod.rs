//! `fonoteca user`: who may listen.

mod add;
mod credentials;
mod list;
mod password;
mod remove;

use fonoteca_accounts::{Accounts, AccountsError, User};

pub use add::create;

use super::Ended;
use crate::context::Context;
use crate::error::CommandError;

/// Say who may listen
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    Add(add::Args),
    List(list::Args),
    Remove(remove::Args),
    Password(password::Args),
    AppPassword(credentials::AppPasswordArgs),
    ApiKey(credentials::ApiKeyArgs),
    Credentials(credentials::ListArgs),
    Revoke(credentials::RevokeArgs),
}

pub async fn run(command: Command, context: &Context) -> Ended {
    match command {
        Command::Add(args) => add::run(args, context).await,
        Command::List(args) => list::run(args, context).await,
        Command::Remove(args) => remove::run(args, context).await,
        Command::Password(args) => password::run(args, context).await,
        Command::AppPassword(args) => credentials::app_password(args, context).await,
        Command::ApiKey(args) => credentials::api_key(args, context).await,
        Command::Credentials(args) => credentials::list(args, context).await,
        Command::Revoke(args) => credentials::revoke(args, context).await,
    }
}

/// The user of this name.
async fn find(accounts: &Accounts, name: &str) -> Result<User, CommandError> {
    Ok(accounts.user(name).await?.ok_or_else(|| AccountsError::NoUser { name: name.to_owned() })?)
}
