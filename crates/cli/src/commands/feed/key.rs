//! `fonoteca feed key`: which key signs, and which one follows it.

use fonoteca_archive::feed::{KeyChange, adopt, revoke, rotate, statements};
use fonoteca_archive::keys::{parse_public, public_keys};
use serde_json::json;

use super::Ended;
use crate::confirm::Yes;
use crate::context::Context;
use crate::exit::Exit;

/// Show and change the keys that sign the feed
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Show the keys in force, and what the archive's keys said of each other
    Show,
    /// Name the key that signs, where none is named yet; its secret half may be on another machine
    Use {
        /// The public key
        key: String,
    },
    /// Hand over to a new key: the one in force signs that, and mirrors follow
    ///
    /// Without --to a key is made in your configuration folder. Publish the feed afterwards. Keep the old key until all
    /// mirrors have read it.
    Rotate {
        /// The public key to hand over to
        #[arg(long, value_name = "KEY")]
        to: Option<String>,
        #[command(flatten)]
        yes: Yes,
    },
    /// Revoke a key that was lost or stolen, after handing over to another: nobody believes it any more
    Revoke {
        /// The public key
        key: String,
        #[command(flatten)]
        yes: Yes,
    },
}

pub async fn run(command: Command, context: &Context) -> Ended {
    let archive = context.open().await?;
    let output = context.output();
    match command {
        Command::Show => {
            let (keys, statements) = (public_keys(&archive)?, statements(&archive)?);
            let texts: Vec<&str> = statements.iter().map(|statement| statement.text.as_str()).collect();
            output.result(&json!({ "keys": keys, "statements": texts }), |output| {
                keys.iter().for_each(|key| output.line(key));
                texts.iter().for_each(|text| output.line(text));
            });
        }
        Command::Use { key } => {
            let key = parse_public(&key)?;
            adopt(&archive, &key)?;
            output.result(&json!({ "key": key }), |output| output.line(format_args!("{key} signs for this archive")));
        }
        Command::Rotate { to, yes } => {
            let to = to.map(|key| parse_public(&key)).transpose()?;
            output.note(match &to {
                Some(key) => format!("the key in force hands over to {key}"),
                None => {
                    format!("the key in force hands over to one that is made in {}", context.keys_folder()?.display())
                }
            });
            if yes.or_ask(output, "Hand over?")? {
                let change = rotate(&archive, &context.keys()?, to)?;
                tell(context, &change, &format!("{} hands over to {}", change.old.id(), change.key));
                output.note("`fonoteca feed publish` tells the mirrors; back the new key up");
            }
        }
        Command::Revoke { key, yes } => {
            let key = parse_public(&key)?;
            output.note(format_args!("whatever is signed with {key} will be believed by nobody, for ever"));
            if yes.or_ask(output, "Revoke it?")? {
                let change = revoke(&archive, &context.keys()?, &key)?;
                tell(context, &change, &format!("{} is revoked", change.old.id()));
                output.note("`fonoteca feed publish` tells the mirrors");
            }
        }
    }
    Ok(Exit::Done)
}

fn tell(context: &Context, change: &KeyChange, said: &str) {
    context.output().result(change, |output| output.line(said));
}
