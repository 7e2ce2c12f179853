//! `fonoteca user add`: make an account.

use fonoteca_accounts::{Accounts, Role, Secret, User};
use serde_json::json;

use super::Ended;
use super::password::Given;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::output::{Output, Table};
use crate::values;

/// The label of the app password that comes with an account.
const FIRST_LABEL: &str = "made with the account";

/// Make an account
///
/// Asks for a password, which is for the web page, and prints a second one for Subsonic apps: it is random, shown only
/// now, and can be revoked without touching the first. The first account owns the archive, whatever --role says.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fonoteca user add ana
  pwgen 20 1 | fonoteca user add radio --role listener --password-stdin")]
pub struct Args {
    /// The user's name
    name: String,
    /// What the account may hear
    #[arg(long, default_value = "listener", value_parser = values::role())]
    role: Role,
    #[command(flatten)]
    given: Given,
}

pub async fn run(args: Args, context: &Context) -> Ended {
    let archive = context.open().await?;
    let accounts = context.accounts(&archive).await?;
    let password = args.given.read()?;
    create(context, &accounts, &args.name, &password, args.role).await?;
    Ok(Exit::Done)
}

/// Makes the account with its first app password, and prints both.
pub async fn create(
    context: &Context,
    accounts: &Accounts,
    name: &str,
    password: &Secret,
    role: Role,
) -> Result<User, CommandError> {
    let user = accounts.add_user(name, password, role, context.now()).await?;
    let app_password = accounts.new_app_password(&user, FIRST_LABEL, context.now()).await?;
    print(context.output(), &user, &app_password);
    Ok(user)
}

fn print(output: &Output, user: &User, app_password: &Secret) {
    let told = json!({
        "id": user.id.to_string(),
        "name": user.name,
        "role": user.role.as_str(),
        "app_password": app_password.expose(),
    });
    output.result(&told, |output| {
        let mut table = Table::facts();
        table.fact("user", format_args!("{} ({})", user.name, user.role.as_str()));
        table.fact("app password", app_password.expose());
        output.table(&table);
        output.note("the app password is for Subsonic apps, and is not shown again; the password is for the web page");
    });
}
