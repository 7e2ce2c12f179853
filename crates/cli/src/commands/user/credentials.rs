//! `fonoteca user app-password|api-key|credentials|revoke`: what apps log in with.

use fonoteca_accounts::{Credential, Secret};
use fonoteca_model::Id;
use serde_json::json;

use super::Ended;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::output::{Align, Output, Table};

/// Make a password for a Subsonic app; it is shown once
#[derive(Debug, clap::Args)]
pub struct AppPasswordArgs {
    /// The user's name
    name: String,
    /// What it is for, such as the app's or the device's name
    #[arg(long, default_value = "app")]
    label: String,
}

/// Make an API key for an OpenSubsonic app; it is shown once
#[derive(Debug, clap::Args)]
pub struct ApiKeyArgs {
    /// The user's name
    name: String,
    /// What it is for, such as the app's or the device's name
    #[arg(long, default_value = "app")]
    label: String,
}

/// List a user's app passwords and API keys; their texts are not shown
#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// The user's name
    name: String,
}

/// Take an app password or API key away
#[derive(Debug, clap::Args)]
pub struct RevokeArgs {
    /// The user's name
    name: String,
    /// Which one: its id, as `user credentials` lists it
    id: Id,
}

pub async fn app_password(args: AppPasswordArgs, context: &Context) -> Ended {
    let archive = context.open().await?;
    let accounts = context.accounts(&archive).await?;
    let user = super::find(&accounts, &args.name).await?;
    let secret = accounts.new_app_password(&user, &args.label, context.now()).await?;
    show_once(context.output(), &user.name, "app_password", &secret);
    Ok(Exit::Done)
}

pub async fn api_key(args: ApiKeyArgs, context: &Context) -> Ended {
    let archive = context.open().await?;
    let accounts = context.accounts(&archive).await?;
    let user = super::find(&accounts, &args.name).await?;
    let secret = accounts.new_api_key(&user, &args.label, context.now()).await?;
    show_once(context.output(), &user.name, "api_key", &secret);
    Ok(Exit::Done)
}

fn show_once(output: &Output, name: &str, what: &str, secret: &Secret) {
    output.result(&json!({"name": name, what: secret.expose()}), |output| {
        output.line(secret.expose());
        output.note("it is not shown again");
    });
}

pub async fn list(args: ListArgs, context: &Context) -> Ended {
    let archive = context.open().await?;
    let accounts = context.accounts(&archive).await?;
    let user = super::find(&accounts, &args.name).await?;
    let output = context.output();
    let mut table = Table::new(&[
        ("id", Align::Left),
        ("kind", Align::Left),
        ("label", Align::Left),
        ("made", Align::Left),
        ("last used", Align::Left),
    ]);
    let mut add = |kind: &str, credential: &Credential| {
        let last = credential.last_used;
        if output.is_json() {
            output.json(&json!({
                "id": credential.id.to_string(),
                "kind": kind,
                "label": credential.label,
                "created_ms": credential.created.as_millis(),
                "last_used_ms": last.map(fonoteca_model::Timestamp::as_millis),
            }));
        }
        let last = last.map_or_else(|| "never".to_owned(), |at| at.to_string());
        let id = credential.id.to_string();
        table.row([id, kind.to_owned(), credential.label.clone(), credential.created.to_string(), last]);
    };
    accounts.app_passwords(&user).await?.iter().for_each(|credential| add("app_password", credential));
    accounts.api_keys(&user).await?.iter().for_each(|credential| add("api_key", credential));
    if !output.is_json() {
        output.table(&table);
    }
    Ok(Exit::Done)
}

pub async fn revoke(args: RevokeArgs, context: &Context) -> Ended {
    let archive = context.open().await?;
    let accounts = context.accounts(&archive).await?;
    let user = super::find(&accounts, &args.name).await?;
    let revoked =
        accounts.revoke_app_password(&user, args.id).await? || accounts.revoke_api_key(&user, args.id).await?;
    if !revoked {
        return Err(CommandError::usage(format!("{} has no app password or API key {}", user.name, args.id))
            .hint(format!("`fonoteca user credentials {}` lists them", user.name)));
    }
    context.output().result(&json!({"name": user.name, "revoked": args.id.to_string()}), |output| {
        output.line(format_args!("{} is revoked", args.id));
    });
    Ok(Exit::Done)
}
