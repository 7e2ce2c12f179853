//! How the tour reads: numbered heads, a sentence why, the command a user would type, what it says, and what was
//! checked.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Parser;
use fonoteca_archive::ArchiveError;
use serde_json::json;

use crate::cli::Cli;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;

/// Columns of a sentence.
const WIDTH: usize = 96;

/// The tour so far.
pub struct Tour<'a> {
    context: &'a Context,
    folder: PathBuf,
    started: Instant,
    steps: u32,
    checks: u32,
    broken: Vec<String>,
}

impl<'a> Tour<'a> {
    pub fn new(context: &'a Context, folder: &Path) -> Self {
        let (folder, started) = (folder.to_owned(), Instant::now());
        Self { context, folder, started, steps: 0, checks: 0, broken: Vec::new() }
    }

    /// The path of an archive of the tour.
    pub fn path_of(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// What commands on the archive `name` work with; its keys lie beside it.
    pub fn archive(&self, name: &str) -> Context {
        self.context.elsewhere(&self.folder.join(name), &self.folder.join(format!("{name}-config")))
    }

    /// Begins a step.
    pub fn head(&mut self, title: &str, why: &str) {
        self.steps += 1;
        let output = self.context.output();
        if !output.is_json() {
            output.line("");
            output.line(output.strong(&format!("{}. {title}", self.steps)));
            for line in wrapped(why) {
                output.line(output.faint(&line));
            }
        }
    }

    /// Says a line.
    pub fn say(&self, text: &str) {
        let output = self.context.output();
        if !output.is_json() {
            output.line(text);
        }
    }

    /// Shows a command as a user would type it.
    pub fn say_command(&self, archive: &Context, words: &[&str]) {
        let place = archive.archive_name();
        let output = self.context.output();
        if !output.is_json() {
            let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
            output.line("");
            output.line(format_args!("{place}$ {}", output.strong(&format!("fonoteca {}", words.join(" ")))));
        }
    }

    /// Shows a command and runs it; another end than the expected one ends the tour.
    pub async fn command(&mut self, archive: &Context, words: &[&str], expected: Exit) -> Result<(), CommandError> {
        if self.context.interrupt().is_set() {
            return Err(ArchiveError::Cancelled.into());
        }
        self.say_command(archive, words);
        let cli = Cli::try_parse_from(std::iter::once("fonoteca").chain(words.iter().copied()))
            .expect("the tour types only commands that there are");
        let exit = Box::pin(crate::commands::run(cli.command, archive)).await?;
        self.check(&format!("`fonoteca {}` ends with {}", words[0], expected.code()), exit == expected);
        Ok(())
    }

    /// Notes whether something is as it should be.
    pub fn check(&mut self, what: &str, held: bool) {
        self.checks += 1;
        let output = self.context.output();
        if output.is_json() {
            output.json(&json!({"check": what, "held": held}));
        } else if !held {
            output.line(format_args!("✗ {what}: this should hold and does not"));
        }
        if !held {
            self.broken.push(what.to_owned());
        }
    }

    /// Sums up; whether every check held.
    pub fn finish(&self, folder: &Path) -> bool {
        let held = self.broken.is_empty();
        let output = self.context.output();
        let seconds = self.started.elapsed().as_secs_f64();
        let told = json!({
            "checks": self.checks,
            "broken": self.broken,
            "folder": folder,
            "seconds": seconds,
        });
        output.result(&json!({"demo": told}), |output| {
            output.line("");
            let sum = if held { "all of them held".to_owned() } else { format!("BROKEN: {}", self.broken.join("; ")) };
            output.line(output.strong(&format!("{} checks, {sum}; {seconds:.0} s", self.checks)));
            output.line(format_args!("Everything is in {}", folder.display()));
        });
        held
    }
}

/// A word as a shell wants it.
fn quoted(word: &str) -> String {
    let plain = !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || "-_./:=+%@,".contains(c));
    if plain { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.last_mut().expect("there is always a line");
        if !last.is_empty() && last.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(word.to_owned());
        } else {
            if !last.is_empty() {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_can_be_pasted_into_a_shell() {
        assert_eq!(quoted("CC-BY-4.0"), "CC-BY-4.0");
        assert_eq!(quoted("Demo archive"), "'Demo archive'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn sentences_stay_within_the_width() {
        let lines = wrapped(&"fonoteca ".repeat(40));
        assert!(lines.len() > 2 && lines.iter().all(|line| line.len() <= WIDTH), "{lines:?}");
    }
}
