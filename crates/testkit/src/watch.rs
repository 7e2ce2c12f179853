//! Progress that a test can look at, and cancel.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use fonoteca_model::progress::{Progress, Unit};

/// Remembers what it was told.
#[derive(Debug, Default)]
pub struct Watch {
    cancelled: AtomicBool,
    units: AtomicU64,
    stages: Mutex<Vec<String>>,
    notes: Mutex<Vec<String>>,
}

impl Watch {
    /// Asks the job to stop.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Units done in all stages together.
    pub fn units(&self) -> u64 {
        self.units.load(Ordering::Relaxed)
    }

    /// The stages so far.
    pub fn stages(&self) -> Vec<String> {
        self.stages.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The notes so far.
    pub fn notes(&self) -> Vec<String> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Progress for Watch {
    fn stage(&self, what: &str, _total: Option<u64>, _unit: Unit) {
        self.stages.lock().unwrap_or_else(PoisonError::into_inner).push(what.to_owned());
    }

    fn advance(&self, units: u64) {
        self.units.fetch_add(units, Ordering::Relaxed);
    }

    fn note(&self, line: &str) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).push(line.to_owned());
    }

    fn cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}
