//! `fonoteca mirror add`: begin to follow a feed.

use fonoteca_archive::keys::parse_public;
use fonoteca_archive::mirror::{Offer, Rules, add, look};
use fonoteca_model::units::Bytes;
use serde_json::json;

use super::Ended;
use crate::commands::feed::signing_key;
use crate::confirm::Yes;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::Table;

/// Begin to follow another archive's feed
///
/// Everything rests on the key that signs the feed. Give the one that you were told with --key; without it, the key
/// that the feed itself names is shown, and you are asked whether to trust it from now on.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  fonoteca mirror add https://music.example.org --key RWQ… --budget 4TB --set strategy=rarest"
)]
pub struct Args {
    /// Where the other archive is served
    url: String,
    /// A public key that may sign its feed; may be given several times
    #[arg(long, value_name = "KEY")]
    key: Vec<String>,
    /// What to call it here [default: from the archive's name]
    #[arg(long)]
    name: Option<String>,
    /// Space that may be spent on it: 500GB, 4TB [default: all there is]
    #[arg(long, value_name = "SIZE")]
    budget: Option<String>,
    /// Any setting that `mirror set` has; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    #[command(flatten)]
    yes: Yes,
}

pub async fn run(args: Args, context: &Context) -> Ended {
    let archive = context.open().await?;
    let keys = args.key.iter().map(|key| parse_public(key)).collect::<Result<Vec<_>, _>>()?;
    let budget = args.budget.as_ref().map(|budget| format!("budget={budget}"));
    let mut rules = Rules::default();
    for setting in budget.iter().chain(&args.set) {
        rules = rules.with(setting)?;
    }
    let offer = look(&archive, &args.url, &keys).await?;
    let output = context.output();
    output.plan(&described(&offer));
    if !offer.keys_given {
        output.note("these keys come from the feed itself: compare them with what the archive says elsewhere");
        if !args.yes.or_ask(output, "Trust them from now on?")? {
            return Ok(Exit::Done);
        }
    }
    let name = args.name.unwrap_or_else(|| short_name(&offer.feed.name));
    if rules.report {
        signing_key(context, &archive)?;
    }
    let mirror = add(&archive, offer, &name, &rules)?;
    let told = json!({
        "mirror": mirror.name,
        "feed": mirror.url,
        "keys": mirror.keys,
        "serial": mirror.seen.map(|seen| seen.serial),
        "budget_bytes": mirror.budget(),
    });
    output.result(&told, |output| {
        output.line(format_args!("following {} as {:?}; `fonoteca mirror pull` fetches it", mirror.url, mirror.name));
    });
    Ok(Exit::Done)
}

fn described(offer: &Offer) -> Table {
    let mut table = Table::facts();
    table.fact("archive", &offer.feed.name);
    table.fact("at", &offer.url);
    table.fact("serial", offer.feed.serial);
    table.fact("believed until", offer.feed.expires);
    let bytes = offer.feed.torrents.iter().map(|torrent| torrent.bytes).sum();
    table.fact("torrents", format_args!("{}, {}", offer.feed.torrents.len(), Bytes(bytes)));
    for key in &offer.keys {
        table.fact("key", key);
    }
    table
}

/// A name for a folder, from the name of an archive.
fn short_name(name: &str) -> String {
    let kept: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { ' ' }).collect();
    let short = kept.split_whitespace().collect::<Vec<_>>().join("-");
    let short: String = short.chars().take(40).collect();
    if short.is_empty() { "mirror".to_owned() } else { short }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_name_can_be_a_folder() {
        assert_eq!(short_name("Sound Archive of Vila Nova!"), "sound-archive-of-vila-nova");
        assert_eq!(short_name("../Фонотека"), "mirror");
    }
}
