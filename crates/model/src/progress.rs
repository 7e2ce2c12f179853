//! How long work tells what it does. The engines report; only the outermost layer knows whether somebody looks.

/// Receives the progress of one long job. Calls come from any thread and must return quickly.
pub trait Progress: Send + Sync {
    /// A stage begins: what is done, how many units it has when that is known, and what one unit is.
    fn stage(&self, what: &str, total: Option<u64>, unit: Unit);
    /// So many more units of the current stage are done.
    fn advance(&self, units: u64);
    /// A line worth reading: a file refused, a peer that lied.
    fn note(&self, line: &str);
    /// Whether the job should stop at the next safe point.
    fn cancelled(&self) -> bool;
}

/// What a stage counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes read, written or fetched.
    Bytes,
    /// Files, rows, torrents: things one counts.
    Items,
}

/// Progress that nobody looks at and nobody cancels.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn stage(&self, _what: &str, _total: Option<u64>, _unit: Unit) {}
    fn advance(&self, _units: u64) {}
    fn note(&self, _line: &str) {}
    fn cancelled(&self) -> bool {
        false
    }
}
