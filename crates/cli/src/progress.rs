//! Progress for people: a bar on a terminal, a line every few seconds elsewhere.

use std::time::{Duration, Instant};

use fonoteca_model::progress::{Progress, Unit};
use fonoteca_model::units::Bytes;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle as BarStyle};
use parking_lot::Mutex;

use crate::interrupt::Interrupt;
use crate::output::{Output, ProgressStyle};

/// Between two lines where there is no terminal.
const PAUSE: Duration = Duration::from_secs(5);

/// The progress of one long job; when it goes, its bar goes.
pub struct Job<'a> {
    output: &'a Output,
    interrupt: &'a Interrupt,
    stage: Mutex<Stage>,
}

struct Stage {
    what: String,
    total: Option<u64>,
    unit: Unit,
    done: u64,
    started: Instant,
    told: Instant,
    bar: Option<ProgressBar>,
}

impl<'a> Job<'a> {
    /// A job that has not begun.
    pub fn new(output: &'a Output, interrupt: &'a Interrupt) -> Self {
        let now = Instant::now();
        let stage =
            Stage { what: String::new(), total: None, unit: Unit::Items, done: 0, started: now, told: now, bar: None };
        Self { output, interrupt, stage: Mutex::new(stage) }
    }
}

impl Progress for Job<'_> {
    fn stage(&self, what: &str, total: Option<u64>, unit: Unit) {
        let now = Instant::now();
        let mut stage = self.stage.lock();
        let told = stage.told;
        let bar = (self.output.progress_style() == ProgressStyle::Bar).then(|| bar(what, total, unit));
        *stage = Stage { what: what.to_owned(), total, unit, done: 0, started: now, told, bar: bar.clone() };
        drop(stage);
        self.output.show_bar(bar);
    }

    fn advance(&self, units: u64) {
        let mut stage = self.stage.lock();
        stage.done += units;
        if let Some(bar) = &stage.bar {
            bar.inc(units);
        } else if self.output.progress_style() == ProgressStyle::Lines && stage.told.elapsed() >= PAUSE {
            stage.told = Instant::now();
            self.output.note(stage.line(stage.started.elapsed()));
        }
    }

    fn note(&self, line: &str) {
        self.output.note(line);
    }

    fn cancelled(&self) -> bool {
        self.interrupt.is_set()
    }
}

impl Drop for Job<'_> {
    fn drop(&mut self) {
        self.output.show_bar(None);
    }
}

impl Stage {
    /// What, how far, how fast, how long still.
    fn line(&self, elapsed: Duration) -> String {
        let amount = |n: u64| if self.unit == Unit::Bytes { Bytes(n).to_string() } else { n.to_string() };
        let what = &self.what;
        let how_far = match self.total {
            Some(total) => format!("{} of {}", amount(self.done), amount(total)),
            None => amount(self.done),
        };
        let seconds = elapsed.as_secs_f64();
        if self.done == 0 || seconds <= 0.0 {
            return format!("{what}: {how_far}");
        }
        let rate = self.done as f64 / seconds;
        let how_fast = if self.unit == Unit::Bytes { Bytes(rate as u64).to_string() } else { format!("{rate:.1}") };
        match self.total.map(|total| total.saturating_sub(self.done)).filter(|left| *left > 0) {
            Some(left) => format!("{what}: {how_far}, {how_fast}/s, {} left", span((left as f64 / rate) as u64)),
            None => format!("{what}: {how_far}, {how_fast}/s"),
        }
    }
}

/// Seconds as `40 s`, `3 min`, `2 h 05 min`.
fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
    }
}

fn bar(what: &str, total: Option<u64>, unit: Unit) -> ProgressBar {
    let template = match (total, unit) {
        (Some(_), Unit::Bytes) => {
            "{msg}  {bar:28}  {decimal_bytes} of {decimal_total_bytes}  {decimal_bytes_per_sec}  {eta} left"
        }
        (Some(_), Unit::Items) => "{msg}  {bar:28}  {pos} of {len}  {per_sec:.1}  {eta} left",
        (None, Unit::Bytes) => "{spinner} {msg}  {decimal_bytes}  {decimal_bytes_per_sec}",
        (None, Unit::Items) => "{spinner} {msg}  {pos}  {elapsed}",
    };
    let style = BarStyle::with_template(template).unwrap_or_else(|_| BarStyle::default_bar());
    let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
    bar.set_style(style);
    bar.set_message(what.to_owned());
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(total: Option<u64>, unit: Unit, done: u64, seconds: u64) -> String {
        let now = Instant::now();
        let stage = Stage { what: "checking".to_owned(), total, unit, done, started: now, told: now, bar: None };
        stage.line(Duration::from_secs(seconds))
    }

    #[test]
    fn a_line_says_what_how_far_how_fast_and_how_long_still() {
        let bytes = line(Some(4_000_000_000), Unit::Bytes, 1_000_000_000, 10);
        assert_eq!(bytes, "checking: 1.0 GB of 4.0 GB, 100.0 MB/s, 30 s left");
        assert_eq!(line(Some(90_000), Unit::Items, 10, 10), "checking: 10 of 90000, 1.0/s, 24 h 59 min left");
        assert_eq!(line(None, Unit::Items, 7, 0), "checking: 7");
    }

    #[test]
    fn every_template_is_understood() {
        for unit in [Unit::Bytes, Unit::Items] {
            for total in [None, Some(10)] {
                assert_eq!(bar("x", total, unit).message(), "x");
            }
        }
    }
}
