//! What the environment says: the clock, who is asking, where the keys are, how much to log.

use std::path::PathBuf;
use std::sync::Arc;

use fonoteca_archive::Clock;
use fonoteca_model::Timestamp;
use tracing_subscriber::EnvFilter;

/// The system's clock.
pub fn clock() -> Clock {
    Arc::new(|| Timestamp(jiff::Timestamp::now().as_microsecond()))
}

/// The minute of the day, from midnight, on the clock on the wall.
pub fn minute_of_day(now: Timestamp) -> u16 {
    let now = jiff::Timestamp::from_microsecond(now.0).unwrap_or_default();
    let now = now.to_zoned(jiff::tz::TimeZone::system());
    now.hour() as u16 * 60 + now.minute() as u16
}

/// Who decisions are recorded as: the account's name.
pub fn person() -> String {
    ["USER", "LOGNAME"].iter().find_map(|name| set(name)).unwrap_or_else(|| "operator".to_owned())
}

/// The folder of the user's own settings and keys: `FONOTECA_CONFIG`, or `fonoteca` in the XDG configuration folder.
pub fn configuration_folder() -> Option<PathBuf> {
    set("FONOTECA_CONFIG")
        .map(PathBuf::from)
        .or_else(|| set("XDG_CONFIG_HOME").map(|folder| PathBuf::from(folder).join("fonoteca")))
        .or_else(|| set("HOME").map(|home| PathBuf::from(home).join(".config/fonoteca")))
}

/// The API key of an account on another server: `FONOTECA_API_KEY`.
pub fn api_key() -> Option<String> {
    set("FONOTECA_API_KEY")
}

fn set(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Sends the log to stderr: warnings, and more for each `-v`; `FONOTECA_LOG` says it in detail.
pub fn log_to_stderr(verbose: u8) {
    let filter = set("FONOTECA_LOG").unwrap_or_else(|| {
        match verbose {
            0 => "error,fonoteca=warn",
            1 => "warn,fonoteca=info",
            2 => "info,fonoteca=debug",
            _ => "debug,fonoteca=trace",
        }
        .to_owned()
    });
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(std::io::stderr)
        .with_ansi(crate::output::colours(&std::io::stderr()));
    // Only a second call could fail, and there is none.
    let _ = subscriber.try_init();
}
