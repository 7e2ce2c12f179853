//! Where everything goes: results to stdout, everything else to stderr.

pub mod curve;
mod table;

use std::fmt::Display;
use std::io::{IsTerminal, Write};

use indicatif::ProgressBar;
use parking_lot::Mutex;
use serde::Serialize;

use crate::cli::Global;
use crate::error::CommandError;

pub use table::{Align, Table};

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProgressStyle {
    /// A bar that is drawn over and over.
    Bar,
    /// A line every few seconds.
    Lines,
    /// Not at all.
    Nothing,
}

/// Results, notes and errors.
pub struct Output {
    json: bool,
    quiet: bool,
    progress: ProgressStyle,
    colour_out: bool,
    colour_err: bool,
    /// What stdout said when it could not be written; nothing more is written then.
    failed: Mutex<Option<std::io::Error>>,
    /// The bar on the screen, which must step aside for a line.
    bar: Mutex<Option<ProgressBar>>,
}

/// Whether colours make sense on this stream: <https://no-color.org>.
pub fn colours(stream: &impl IsTerminal) -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    stream.is_terminal() && !is_set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

impl Output {
    /// As the global options say.
    pub fn new(global: &Global) -> Self {
        let progress = if global.quiet || global.no_progress {
            ProgressStyle::Nothing
        } else if std::io::stderr().is_terminal() {
            ProgressStyle::Bar
        } else {
            ProgressStyle::Lines
        };
        Self {
            json: global.json,
            quiet: global.quiet,
            progress,
            colour_out: colours(&std::io::stdout()),
            colour_err: colours(&std::io::stderr()),
            failed: Mutex::new(None),
            bar: Mutex::new(None),
        }
    }

    /// Whether results are JSON Lines.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// How progress is shown.
    pub fn progress_style(&self) -> ProgressStyle {
        self.progress
    }

    /// A result: one object a line for machines, or whatever `human` writes for people.
    pub fn result<T: Serialize + ?Sized>(&self, value: &T, human: impl FnOnce(&Self)) {
        if self.json {
            self.json(value);
        } else {
            human(self);
        }
    }

    /// One line of machine output.
    pub fn json<T: Serialize + ?Sized>(&self, value: &T) {
        let text = serde_json::to_string(value).expect("machine output has string keys and plain values");
        self.write(&format!("{text}\n"));
    }

    /// One line for people, on stdout.
    pub fn line(&self, text: impl Display) {
        self.write(&format!("{text}\n"));
    }

    /// A table for people, on stdout.
    pub fn table(&self, table: &Table) {
        self.write(&table.render(self.colour_out));
    }

    /// Bytes as they are, on stdout; whether it still takes any.
    pub fn raw(&self, bytes: &[u8]) -> bool {
        self.write_bytes(bytes);
        !self.is_gone()
    }

    /// Whether stdout takes no more.
    pub fn is_gone(&self) -> bool {
        self.failed.lock().is_some()
    }

    /// Whether stdout shows colours.
    pub fn colours(&self) -> bool {
        self.colour_out
    }

    /// A line for people, on stderr; not with `--quiet`.
    pub fn note(&self, text: impl Display) {
        if !self.quiet {
            self.tell(&format!("{text}\n"));
        }
    }

    /// A plan, on stderr, before it is carried out.
    pub fn plan(&self, table: &Table) {
        if !self.quiet {
            self.tell(&table.render(self.colour_err));
        }
    }

    /// What went wrong, why, and what to do.
    pub fn error(&self, error: &CommandError) {
        let message = format!("{} {}\n", self.painted("error:", "1;31"), error.message());
        let cause = |cause: &String| format!("  {} {cause}\n", self.painted("caused by:", "1"));
        let hint = |hint: &String| format!("{} {hint}\n", self.painted("hint:", "1;36"));
        let lines = std::iter::once(message);
        let lines = lines.chain(error.causes().iter().map(cause)).chain(error.hints().iter().map(hint));
        self.tell(&lines.collect::<String>());
    }

    /// Text that stands out, on stdout.
    pub fn strong(&self, text: &str) -> String {
        if self.colour_out { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// Text that steps back, on stdout.
    pub fn faint(&self, text: &str) -> String {
        if self.colour_out { format!("\x1b[2m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn painted(&self, text: &str, code: &str) -> String {
        if self.colour_err { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// Puts a bar on the screen, or takes it away.
    pub fn show_bar(&self, bar: Option<ProgressBar>) {
        let before = std::mem::replace(&mut *self.bar.lock(), bar);
        if let Some(before) = before {
            before.finish_and_clear();
        }
    }

    /// What stdout refused to take. A reader that went away is no error.
    pub fn finish(&self) -> Result<(), std::io::Error> {
        match self.failed.lock().take() {
            Some(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error),
            _ => Ok(()),
        }
    }

    fn write(&self, text: &str) {
        self.write_bytes(text.as_bytes());
    }

    fn write_bytes(&self, bytes: &[u8]) {
        let mut failed = self.failed.lock();
        if failed.is_none() {
            let written = self.beside_bar(|| {
                let mut stdout = std::io::stdout().lock();
                stdout.write_all(bytes).and_then(|()| stdout.flush())
            });
            *failed = written.err();
        }
    }

    fn tell(&self, text: &str) {
        // A stderr that is gone leaves nobody to tell.
        let _ = self.beside_bar(|| std::io::stderr().lock().write_all(text.as_bytes()));
    }

    fn beside_bar<R>(&self, write: impl FnOnce() -> R) -> R {
        match self.bar.lock().as_ref() {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }
}
