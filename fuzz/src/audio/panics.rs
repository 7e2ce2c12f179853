//! Telling a panic of a library, which `analyse` contains and says, from one of our own, which is a fault.

use std::cell::Cell;
use std::collections::HashSet;
use std::sync::{Mutex, Once, PoisonError};

thread_local! {
    static FOREIGN: Cell<bool> = const { Cell::new(false) };
}

/// Has every panic looked at from now on. One of our own goes on to whoever waited for panics before: a fuzzer ends there.
pub fn watch() {
    static WATCH: Once = Once::new();
    static TOLD: Mutex<Option<HashSet<String>>> = Mutex::new(None);
    WATCH.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            let foreign = place.contains("/registry/src/");
            FOREIGN.set(foreign);
            if !foreign {
                return before(panic);
            }
            let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
            if told.get_or_insert_default().insert(place) {
                #[expect(clippy::print_stderr, reason = "whoever fuzzes wants to know what is contained")]
                {
                    eprintln!("contained: {panic}");
                }
            }
        }));
    });
    FOREIGN.set(false);
}

/// Whether the last panic since [`watch`] came from a library.
pub fn was_foreign() -> bool {
    FOREIGN.get()
}
