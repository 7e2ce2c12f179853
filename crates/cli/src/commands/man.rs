//! `fonoteca man`: the manual, as man pages or as one page of Markdown; all from the declaration of the commands.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{Arg, Command, CommandFactory};

use super::Ended;
use crate::cli::Cli;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;

/// Print the manual
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fonoteca man | man -l -                      read the first page
  fonoteca man --dir ~/.local/share/man/man1   install all of them")]
pub struct Args {
    /// Write a page for each command into this folder
    #[arg(long, value_name = "DIR", conflicts_with = "markdown")]
    dir: Option<PathBuf>,
    /// Print the help of all commands as one page of Markdown
    #[arg(long)]
    markdown: bool,
}

pub fn run(args: &Args, context: &Context) -> Ended {
    let mut root = Cli::command();
    root.build();
    if let Some(folder) = &args.dir {
        return write_pages(&root, folder);
    }
    let text = if args.markdown { markdown(&root) } else { page(&root)? };
    context.output().line(text.trim_end());
    Ok(Exit::Done)
}

fn page(command: &Command) -> Result<String, CommandError> {
    let mut page = Vec::new();
    let written = clap_mangen::Man::new(command.clone()).render(&mut page);
    written.map_err(|error| CommandError::of(Exit::SomeFailed, &error))?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}

fn write_pages(root: &Command, folder: &Path) -> Ended {
    let cannot = |path: &Path, error: std::io::Error| {
        CommandError::of(Exit::SomeFailed, &error)
            .hint(format!("{} must be a folder that can be written", path.display()))
    };
    std::fs::create_dir_all(folder).map_err(|error| cannot(folder, error))?;
    let mut waiting = vec![root];
    while let Some(command) = waiting.pop() {
        let name = command.get_display_name().unwrap_or_else(|| command.get_name());
        let path = folder.join(format!("{name}.1"));
        std::fs::write(&path, page(command)?).map_err(|error| cannot(&path, error))?;
        waiting.extend(command.get_subcommands());
    }
    Ok(Exit::Done)
}

/// The long help of every command, as `docs/cli.md` has it; the global options only once.
fn markdown(root: &Command) -> String {
    let mut text = String::from(
        "# The command line\n\nThe help of every command, made by `fonoteca man --markdown`; a test keeps this page as \
         the program is. The global options at the top go with every command.\n",
    );
    section(root.clone(), &mut text);
    for command in root.get_subcommands() {
        sections(command, &mut text);
    }
    text
}

fn sections(command: &Command, text: &mut String) {
    section(command.clone().mut_args(hide_if_everywhere), text);
    command.get_subcommands().for_each(|sub| sections(sub, text));
}

fn hide_if_everywhere(option: Arg) -> Arg {
    let is_everywhere = option.is_global_set() || option.get_id() == "help";
    option.hide(is_everywhere)
}

fn section(command: Command, text: &mut String) {
    let name = command.get_bin_name().unwrap_or("fonoteca").to_owned();
    let marks = "#".repeat((name.split(' ').count() + 1).min(4));
    let help = command.term_width(100).render_long_help().to_string();
    let help: Vec<&str> = help.lines().map(str::trim_end).collect();
    let _ = write!(text, "\n{marks} `{name}`\n\n```text\n{}\n```\n", help.join("\n").trim_end());
}
