//! `fonoteca mirror status`: how far each mirror is.

use std::time::Duration;

use fonoteca_archive::Archive;
use fonoteca_archive::mirror::{Doing, Live, State, Status, status};
use fonoteca_model::Timestamp;
use fonoteca_model::units::Bytes;

use super::Ended;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Align, Output, Table};

/// How often the page is made anew.
const EVERY: Duration = Duration::from_secs(1);

/// Show how far each mirror is, without asking anybody
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  fonoteca mirror status --watch")]
pub struct Args {
    /// Go on showing it until Ctrl-C; with --json a line a mirror and second
    #[arg(long)]
    watch: bool,
}

pub async fn run(args: Args, context: &Context) -> Ended {
    let archive = context.open().await?;
    if !args.watch {
        show(&archive, context.output(), false).await?;
        return Ok(Exit::Done);
    }
    context.interrupt().watch();
    while !context.interrupt().is_set() && !context.output().is_gone() {
        show(&archive, context.output(), true).await?;
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = context.interrupt().wait() => {}
        }
    }
    Ok(Exit::Done)
}

async fn show(archive: &Archive, output: &Output, page: bool) -> Result<(), crate::error::CommandError> {
    let all = status(archive).await?;
    if output.is_json() {
        for status in &all {
            output.json(status);
        }
        return Ok(());
    }
    if all.is_empty() {
        output.note("no feed is followed yet: `fonoteca mirror add URL` does it");
        return Ok(());
    }
    if page && output.colours() {
        // Home, and everything below it gone: the page stays where it is.
        output.raw(b"\x1b[H\x1b[2J");
    }
    output.table(&table(&all));
    for status in all.iter().filter(|status| status.live.doing != Doing::Nothing) {
        output.line(format_args!("{}: {}", status.mirror, doing(&status.live, archive.now())));
        if let Some(problem) = &status.live.error {
            output.line(format_args!("  {problem}"));
        }
    }
    Ok(())
}

fn table(all: &[Status]) -> Table {
    let mut table = Table::new(&[
        ("mirror", Align::Left),
        ("state", Align::Left),
        ("here", Align::Right),
        ("wanted", Align::Right),
        ("budget", Align::Right),
        ("torrents", Align::Right),
        ("serial", Align::Right),
        ("feed", Align::Left),
    ]);
    for status in all {
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
            status.budget_bytes.map_or_else(|| "all".to_owned(), |budget| Bytes(budget).to_string()),
            status.torrents.to_string(),
            status.serial.to_string(),
            status.feed.clone(),
        ]);
    }
    table
}

/// What it is doing, in a line.
fn doing(live: &Live, now: Timestamp) -> String {
    let next = live.next_ms.map(|next| (next - now.as_millis()).max(0) / 1000);
    let next = next.map_or_else(String::new, |seconds| format!(", the feed is read again in {seconds} s"));
    match live.doing {
        Doing::Nothing => "nothing follows it: `fonoteca serve` does".to_owned(),
        Doing::Waiting => format!("waiting{next}"),
        Doing::OutsideHours => format!("fetching waits for its hours{next}"),
        Doing::Failed => format!("the last pull failed{next}"),
        Doing::Working => {
            let amount = |units: u64| if live.in_bytes { Bytes(units).to_string() } else { units.to_string() };
            let of = live.total.map_or_else(String::new, |total| format!(" of {}", amount(total)));
            let left = live.total.map(|total| total.saturating_sub(live.done));
            let left = left.and_then(|left| left.checked_div(live.per_second));
            let left = left.map_or_else(String::new, |seconds| format!(", {seconds} s left"));
            format!("{}: {}{of}, {}/s{left}", live.step, amount(live.done), amount(live.per_second))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_does_is_told_in_a_line() {
        let now = Timestamp::from_seconds(1_000);
        let working = Live {
            doing: Doing::Working,
            step: "first-p000-0001".to_owned(),
            done: 1_000_000,
            total: Some(3_000_000),
            in_bytes: true,
            per_second: 500_000,
            ..Live::default()
        };
        assert_eq!(doing(&working, now), "first-p000-0001: 1.0 MB of 3.0 MB, 500.0 kB/s, 4 s left");
        let stalled = Live { per_second: 0, total: None, ..working };
        assert_eq!(doing(&stalled, now), "first-p000-0001: 1.0 MB, 0 B/s");
        let waiting = Live { doing: Doing::Waiting, next_ms: Some(1_030_000), ..Live::default() };
        assert_eq!(doing(&waiting, now), "waiting, the feed is read again in 30 s");
    }
}
