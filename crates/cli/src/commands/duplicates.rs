//! `fonoteca duplicates`: what is held more than once, and which copy is the best.

use fonoteca_archive::duplicates::{Group, HeldCopy, duplicates};
use fonoteca_catalog::Sameness;
use fonoteca_model::units::Bytes;

use super::Ended;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Align, Output, Table};
use crate::values;

/// List what is held more than once, with the best copy of each first; delete nothing
///
/// Copies have the same bytes (one blob at several places), the same essence (the packets: what was re-tagged), or are
/// the same recording in another codec, bit rate or edition, as the links and fingerprints have it. The best is: whole
/// before malformed, lossless before lossy, more channels, a higher sample rate and bit depth, and of what is lossy the
/// higher bit rate, weighed by the codec.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  fonoteca duplicates\n  fonoteca duplicates --same essence --json")]
pub struct Args {
    /// Only copies that have this in common
    #[arg(long, value_parser = values::sameness())]
    same: Vec<Sameness>,
}

pub async fn run(args: Args, context: &Context) -> Ended {
    let archive = context.open().await?;
    let kinds = if args.same.is_empty() { Sameness::ALL.to_vec() } else { args.same };
    let progress = context.job();
    let output = context.output();
    let (mut groups, mut bytes) = (0u64, 0i64);
    duplicates(&archive, &kinds, &progress, &mut |group| {
        groups += 1;
        bytes += group.other_bytes;
        output.result(group, |output| print(output, group));
    })
    .await?;
    drop(progress);
    output.note(format_args!("{groups} groups; all but the best copies take {}", Bytes(bytes.max(0) as u64)));
    Ok(Exit::Done)
}

fn print(output: &Output, group: &Group) {
    let same = match group.same {
        Sameness::Bytes => "the same bytes",
        Sameness::Essence => "the same essence",
        Sameness::Recording => "the same recording",
    };
    output.line(output.strong(&format!("{}: {same}", named(group.artist.as_deref(), group.title.as_deref()))));
    let mut table = Table::new(&[
        ("", Align::Left),
        ("root", Align::Left),
        ("quality", Align::Left),
        ("size", Align::Right),
        ("path", Align::Left),
    ]);
    for copy in &group.copies {
        let best = if copy.best { "best" } else { "" };
        let paths = copy.paths.join(", ");
        let size = Bytes(copy.bytes.max(0) as u64).to_string();
        table.row([best.to_owned(), copy.root.to_string(), described(copy), size, paths]);
    }
    output.table(&table);
    output.line("");
}

/// Artist and title, as far as there are such.
fn named(artist: Option<&str>, title: Option<&str>) -> String {
    let title = title.unwrap_or("(untitled)");
    match artist.filter(|artist| !artist.is_empty()) {
        Some(artist) => format!("{artist} – {title}"),
        None => title.to_owned(),
    }
}

fn described(copy: &HeldCopy) -> String {
    let rate = f64::from(copy.sample_rate) / 1000.0;
    let how = match (copy.bit_depth, copy.bit_rate) {
        (Some(bits), _) => format!("{bits} bit"),
        (None, Some(bit_rate)) if !copy.lossless => format!("{} kbit/s", bit_rate / 1000),
        _ => String::new(),
    };
    let state = if copy.state == fonoteca_catalog::FileState::Malformed { ", malformed" } else { "" };
    let before = if copy.cutoff_hz.is_some() { ", lossy before" } else { "" };
    format!("{} {rate} kHz {how}{state}{before}", copy.codec)
}

#[cfg(test)]
mod tests {
    use super::named;

    #[test]
    fn nothing_is_said_of_an_artist_that_nobody_names() {
        assert_eq!(named(Some("Ana"), Some("Río")), "Ana – Río");
        assert_eq!((named(Some(""), Some("Track01")), named(None, None)), ("Track01".into(), "(untitled)".into()));
    }
}
