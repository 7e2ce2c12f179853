//! `fonoteca mirror status`: how far each mirror is.

use fonoteca_archive::mirror::{State, status};
use fonoteca_model::units::Bytes;

use super::Ended;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Align, Table};

/// Show how far each mirror is, without asking anybody
#[derive(Debug, clap::Args)]
pub struct Args {}

pub async fn run(_args: Args, context: &Context) -> Ended {
    let archive = context.open().await?;
    let all = status(&archive)?;
    let output = context.output();
    if output.is_json() {
        for status in &all {
            output.json(status);
        }
    } else if all.is_empty() {
        output.note("no feed is followed yet: `fonoteca mirror add URL` does it");
    } else {
        let mut table = Table::new(&[
            ("mirror", Align::Left),
            ("state", Align::Left),
            ("here", Align::Right),
            ("wanted", Align::Right),
            ("torrents", Align::Right),
            ("serial", Align::Right),
            ("feed", Align::Left),
        ]);
        for status in &all {
            let state = match status.state {
                State::Complete => "complete",
                State::Behind => "behind",
                State::Expired => "expired",
            };
            table.row([
                status.mirror.clone(),
                state.to_owned(),
                Bytes(status.have_bytes).to_string(),
                Bytes(status.want_bytes).to_string(),
                status.torrents.to_string(),
                status.serial.to_string(),
                status.feed.clone(),
            ]);
        }
        output.table(&table);
    }
    Ok(Exit::Done)
}
