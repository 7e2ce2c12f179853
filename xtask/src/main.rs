//! `cargo xtask`: what one does with this repository besides building it.
#![allow(clippy::print_stderr, reason = "a build tool talks to whoever runs it")]

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xtask::suite::Part;
use xtask::workspace::{CommandFailed, Workspace};
use xtask::{bench, corpus, demo, fuzz, suite, tidy};

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "Tasks of this repository", version)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Show the whole way on the sample collection, from files to a mirror
    ///
    /// Builds the binary and runs `fonoteca demo`; all arguments are handed on. `--exit` ends when the tour does.
    Demo {
        /// Arguments for `fonoteca demo`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Run everything that must pass: formatting, lints, licences, tests
    ///
    /// Installs what the tests need where it is missing, and fetches the corpus that some of them read.
    Test {
        /// Run this part alone
        #[arg(long)]
        only: Option<Part>,
        /// Leave the corpus out; tests that need it are skipped, and say so
        #[arg(long)]
        no_corpus: bool,
    },
    /// Check the house rules: layers, module docs, sizes, links
    Tidy,
    /// Fetch music from Debian's packages to test on, into target/corpus
    Corpus {
        /// Also the larger packages
        #[arg(long)]
        all: bool,
    },
    /// Measure ours beside what people use today
    Bench {
        /// What to measure
        name: bench::Name,
        /// Print the rows as JSON, one a line
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        scale: bench::Scale,
    },
    /// Feed hostile bytes to what reads foreign bytes, ten minutes a target
    ///
    /// Installs a nightly compiler and cargo-fuzz where they are missing. Ends with 1 if anything was found.
    Fuzz(fuzz::Options),
}

fn main() -> ExitCode {
    let workspace = Workspace::here();
    let outcome = match Arguments::parse().task {
        Task::Demo { arguments } => demo::run(&workspace, &arguments),
        Task::Test { only, no_corpus } => suite::run(&workspace, only, no_corpus),
        Task::Tidy => tidy::run(&workspace),
        Task::Corpus { all } => corpus::fetch(&workspace, all).map(|_| ()),
        Task::Bench { name, json, scale } => bench::run(&workspace, name, json, &scale),
        Task::Fuzz(options) => fuzz::run(&workspace, &options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            error.downcast_ref::<CommandFailed>().map_or(ExitCode::FAILURE, |failed| ExitCode::from(failed.code))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_gets_its_arguments_with_and_without_dashes_between() {
        for line in [&["xtask", "demo", "--", "--exit"][..], &["xtask", "demo", "--exit"]] {
            let Task::Demo { arguments } = Arguments::try_parse_from(line).unwrap().task else { panic!("{line:?}") };
            assert_eq!(arguments, ["--exit"], "{line:?}");
        }
    }
}
