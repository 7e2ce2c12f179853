//! Logging in: how often one may try, and the web page's sessions. Subsonic's own ways are in `subsonic::auth`.

pub(crate) mod api_key;
pub(crate) mod session;

use std::net::IpAddr;

use fonoteca_accounts::name_key;
use fonoteca_guard::{Decision, Observation, Subject};

use crate::app::App;

/// A login that is not even tried, because too many failed before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Throttled {
    /// When to try again, in seconds from now; at least 1.
    pub(crate) seconds: i64,
}

impl Throttled {
    /// The sentence for whoever tried.
    pub(crate) fn message(&self) -> String {
        let plural = if self.seconds == 1 { "" } else { "s" };
        format!("too many failed logins; try again in {} second{plural}", self.seconds)
    }
}

impl App {
    /// Whether a login may be tried now. The name is the one given, or empty where a key names the user.
    pub(crate) fn may_log_in(&self, address: IpAddr, name: &str) -> Result<(), Throttled> {
        let now = self.now();
        match self.guard.lock().decide(now, &Subject::Login { address, user: name_key(name) }) {
            Decision::Allow => Ok(()),
            Decision::Delay { until } | Decision::Deny { until, .. } => {
                let micros = until.0.saturating_sub(now.0);
                Err(Throttled { seconds: (micros.saturating_add(999_999) / 1_000_000).max(1) })
            }
        }
    }

    /// Tells the guard how a login went.
    pub(crate) fn note_login(&self, address: IpAddr, name: &str, succeeded: bool) {
        let user = name_key(name);
        let observation = if succeeded {
            Observation::LoginSucceeded { user }
        } else {
            self.metrics.logins_failed.add(1);
            tracing::info!(%address, "failed login");
            Observation::LoginFailed { address, user }
        };
        let now = self.now();
        self.guard.lock().observe(now, &observation);
    }
}
