//! `fonoteca release plan`: what a release would hold.

use fonoteca_archive::release::{Plan, plan};
use fonoteca_model::units::Bytes;

use super::{Cutting, Ended};
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Align, Table};

/// Show what a release would hold, and what is left out and why
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The release's name
    #[arg(default_value = "next")]
    name: String,
    #[command(flatten)]
    cutting: Cutting,
}

pub async fn run(args: Args, context: &Context) -> Ended {
    let archive = context.open().await?;
    let plan = plan(&archive, &args.cutting.options(&archive, args.name)).await?;
    context.output().result(&plan, |output| {
        for table in tables(&plan) {
            output.table(&table);
            output.line("");
        }
        output.line(summary(&plan));
    });
    Ok(Exit::Done)
}

/// What is inside by popularity, the licences, and what is left out.
pub(super) fn tables(plan: &Plan) -> Vec<Table> {
    let mut bands = Table::new(&[
        ("popularity", Align::Left),
        ("torrents", Align::Right),
        ("files", Align::Right),
        ("size", Align::Right),
        ("of all listens", Align::Right),
    ]);
    for band in &plan.bands {
        let [high, low] = band.popularity;
        bands.row([
            format!("{high} to {low}"),
            band.torrents.to_string(),
            band.files.to_string(),
            Bytes(band.bytes).to_string(),
            format!("{:.1} %", band.listens_share * 100.0),
        ]);
    }
    let mut licences = Table::new(&[("licence or basis", Align::Left), ("files", Align::Right)]);
    for (licence, files) in &plan.licences {
        licences.row([licence.clone(), files.to_string()]);
    }
    let mut left_out = Table::new(&[("left out", Align::Left), ("files", Align::Right), ("size", Align::Right)]);
    for left in &plan.left_out {
        left_out.row([left.rule.clone(), left.files.to_string(), Bytes(left.bytes).to_string()]);
    }
    [bands, licences, left_out].into_iter().filter(|table| !table.is_empty()).collect()
}

/// One line about the whole.
pub(super) fn summary(plan: &Plan) -> String {
    format!("release {:?}: {} files, {}", plan.release, plan.files(), Bytes(plan.bytes()))
}
