//! `fonoteca user list`: all accounts.

use serde_json::json;

use super::Ended;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Align, Table};

/// List all accounts
#[derive(Debug, clap::Args)]
pub struct Args {}

pub async fn run(_args: Args, context: &Context) -> Ended {
    let archive = context.open().await?;
    let users = context.accounts(&archive).await?.users().await?;
    let output = context.output();
    let mut table = Table::new(&[("name", Align::Left), ("role", Align::Left), ("since", Align::Left)]);
    for user in &users {
        if output.is_json() {
            let (id, created) = (user.id.to_string(), user.created.as_millis());
            output.json(&json!({"id": id, "name": user.name, "role": user.role.as_str(), "created_ms": created}));
        }
        table.row([user.name.clone(), user.role.as_str().to_owned(), user.created.to_string()]);
    }
    if users.is_empty() {
        output.note("there are no accounts yet: `fonoteca user add NAME` makes one");
    } else if !output.is_json() {
        output.table(&table);
    }
    Ok(Exit::Done)
}
