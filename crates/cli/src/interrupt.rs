//! Ctrl-C: the first asks to stop at the next safe point, the second stops at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::exit::Exit;
use crate::output::Output;

/// Whether the user wants to stop; clones share it.
#[derive(Clone)]
pub struct Interrupt {
    state: Arc<State>,
}

struct State {
    stop: watch::Sender<bool>,
    watching: AtomicBool,
    output: Arc<Output>,
}

impl Interrupt {
    /// Nobody has asked to stop; signals still end the program.
    pub fn new(output: Arc<Output>) -> Self {
        let state = State { stop: watch::Sender::new(false), watching: AtomicBool::new(false), output };
        Self { state: Arc::new(state) }
    }

    /// From here on, SIGINT and SIGTERM ask to stop. Needs the runtime.
    pub fn watch(&self) {
        if self.state.watching.swap(true, Ordering::Relaxed) {
            return;
        }
        let (Ok(mut interrupts), Ok(mut terminations)) =
            (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        else {
            // Then a signal ends the program at once, which every workflow survives.
            return;
        };
        let state = self.state.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = interrupts.recv() => {}
                    _ = terminations.recv() => {}
                }
                if state.stop.send_replace(true) {
                    std::process::exit(i32::from(Exit::Interrupted.code()));
                }
                state.output.note("stopping after the current step; once more stops at once");
            }
        });
    }

    /// Whether the user asked to stop.
    pub fn is_set(&self) -> bool {
        *self.state.stop.borrow()
    }

    /// Waits until the user asks to stop.
    pub async fn wait(&self) {
        // The sender lives as long as this does, so waiting cannot fail.
        let _ = self.state.stop.subscribe().wait_for(|stop| *stop).await;
    }
}
