//! Checks by themselves: `[fixity]` in `archive.toml`, done by `serve` in the background.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use fonoteca_model::Timestamp;
use fonoteca_model::progress::{Progress, Unit};
use fonoteca_model::units::{Rate, Span};
use fonoteca_store::CheckOptions;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::round::{State, Walk};
use super::{Extent, Options, Report, verify};
use crate::archive::Archive;
use crate::error::ArchiveError;

/// How often it is looked whether it is time.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// After a check that could not be done.
const REST_AFTER_FAILURE: Duration = Duration::from_mins(10);

/// `[fixity]` in `archive.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Schedule {
    /// Every blob is checked once in this span; none: only when a person asks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<Span>,
    /// Bytes a second at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// Only in these hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hours: Option<Hours>,
}

/// A part of the day: `01:00-06:00`, or over midnight, `22:00-06:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hours {
    /// The first minute of the day, counted from midnight.
    from: u16,
    /// The minute after the last.
    until: u16,
}

impl Hours {
    /// Whether a minute of the day is within.
    pub fn has(self, minute: u16) -> bool {
        if self.from <= self.until {
            (self.from..self.until).contains(&minute)
        } else {
            minute >= self.from || minute < self.until
        }
    }
}

impl FromStr for Hours {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let minute = |text: &str| {
            let (hours, minutes) = text.trim().split_once(':')?;
            let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
            (hours * 60 + minutes <= 24 * 60 && minutes < 60 && hours <= 24).then_some(hours * 60 + minutes)
        };
        let hours = text.split_once('-').and_then(|(from, until)| Some((minute(from)?, minute(until)?)));
        match hours {
            Some((from, until)) if from != until => Ok(Self { from, until }),
            _ => Err(format!("{text:?} are no hours: write them as in 01:00-06:00")),
        }
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, until } = self;
        write!(f, "{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, until / 60, until % 60)
    }
}

impl TryFrom<String> for Hours {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Hours> for String {
    fn from(hours: Hours) -> Self {
        hours.to_string()
    }
}

/// When the next round is due; none: at once. One that seems to have begun in the future was begun by a clock that has been
/// set back since, and says nothing.
pub(super) fn due(every: Span, now: Timestamp, began: Option<Timestamp>) -> Option<Timestamp> {
    let began = began.filter(|began| *began <= now)?;
    Some(began.plus_seconds(every.seconds)).filter(|due| *due > now)
}

/// Whether to begin a round. `rested` is how long ago this process began one, by a clock that cannot be set: however the
/// other one jumps, there are neither two rounds within half a span nor none for a whole one.
fn is_time(every: Span, now: Timestamp, began: Option<Timestamp>, rested: Option<Duration>) -> bool {
    let span = Duration::from_secs(every.seconds.unsigned_abs());
    match rested {
        Some(rested) if rested < span / 2 => false,
        Some(rested) if rested >= span => true,
        _ => due(every, now, began).is_none(),
    }
}

/// Checks as the schedule says, for as long as it is polled. `minute_of_day` says what the hours are measured by; `tell` is
/// called after each part of a round that was done.
pub async fn keep_checking(
    archive: &Archive,
    schedule: Schedule,
    minute_of_day: impl Fn(Timestamp) -> u16 + Send + Sync,
    tell: impl Fn(Result<Report, ArchiveError>) + Send + Sync,
) {
    let Some(every) = schedule.every else { return };
    let open = || schedule.hours.is_none_or(|hours| hours.has(minute_of_day(archive.now())));
    let options = Options {
        effort: CheckOptions { rate: schedule.rate.map(|rate| rate.0), nice: true },
        ..Options::new(Extent::Oldest(None))
    };
    let mut last_begun: Option<Instant> = None;
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        if !open() {
            continue;
        }
        let state = match State::read(archive, Walk::Round) {
            Ok(state) => state,
            Err(error) => {
                tell(Err(error));
                tokio::time::sleep(REST_AFTER_FAILURE).await;
                continue;
            }
        };
        let goes_on = state.as_ref().is_some_and(|state| state.ended.is_none());
        let began = state.map(|state| state.began);
        if !goes_on {
            if !is_time(every, archive.now(), began, last_begun.map(|begun| begun.elapsed())) {
                continue;
            }
            last_begun = Some(Instant::now());
        }
        match verify(archive, &options, &WhileOpen { open: &open }).await {
            // The hours are over, or somebody else is at the round: it goes on later.
            Err(ArchiveError::Cancelled | ArchiveError::Busy { .. }) => {}
            Ok(report) => tell(Ok(report)),
            Err(error) => {
                tell(Err(error));
                tokio::time::sleep(REST_AFTER_FAILURE).await;
            }
        }
    }
}

/// Stops a check when the hours are over.
struct WhileOpen<F> {
    open: F,
}

impl<F: Fn() -> bool + Send + Sync> Progress for WhileOpen<F> {
    fn stage(&self, _what: &str, _total: Option<u64>, _unit: Unit) {}
    fn advance(&self, _units: u64) {}
    fn note(&self, _line: &str) {}
    fn cancelled(&self) -> bool {
        !(self.open)()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_of_the_day_may_go_over_midnight() {
        let hours: Hours = "01:00-06:30".parse().expect("hours");
        assert!(hours.has(60) && hours.has(389) && !hours.has(390) && !hours.has(59));
        let night: Hours = "22:00-06:00".parse().expect("hours");
        assert!(night.has(1439) && night.has(0) && !night.has(360) && !night.has(720));
        assert!("00:00-24:00".parse::<Hours>().expect("a day").has(1439));
        assert_eq!(night.to_string(), "22:00-06:00");
        for wrong in ["", "1-6", "01:00", "25:00-26:00", "01:60-02:00", "03:00-03:00", "24:01-01:00", "99999:0-1:0"] {
            assert!(wrong.parse::<Hours>().is_err(), "{wrong}");
        }
    }

    /// Ten years in hours by a clock that goes as `clock` says; how often a round begins, by the process that goes on.
    fn rounds(every: Span, clock: impl Fn(i64) -> i64) -> Vec<i64> {
        let (mut begun, mut stored) = (Vec::new(), None);
        for hour in 0..10 * 365 * 24 {
            let now = Timestamp::from_seconds(clock(hour * 3600));
            let rested = begun.last().map(|last: &i64| Duration::from_secs(((hour - last) * 3600) as u64));
            if is_time(every, now, stored, rested) {
                begun.push(hour);
                stored = Some(now);
            }
        }
        begun
    }

    #[test]
    fn a_clock_that_jumps_neither_loops_nor_skips() {
        let every: Span = "30d".parse().expect("a span");
        assert_eq!(rounds(every, |time| time).len(), 122);
        let wild: [fn(i64) -> i64; 5] = [
            |_| 0,
            |time| -time,
            |time| if time % 7200 == 0 { time } else { time + 100 * 365 * 86_400 },
            |time| if time < 500 * 86_400 { time + 30 * 365 * 86_400 } else { time },
            |time| time * 1000,
        ];
        for (number, clock) in wild.into_iter().enumerate() {
            let begun = rounds(every, clock);
            assert!((121..=244).contains(&begun.len()), "clock {number}: {}", begun.len());
            let longest = begun.windows(2).map(|two| two[1] - two[0]).max();
            assert!(longest <= Some(30 * 24), "clock {number}: {longest:?}");
        }
    }

    #[test]
    fn a_process_that_has_just_begun_goes_by_what_is_stored() {
        let every: Span = "30d".parse().expect("a span");
        let (now, day) = (Timestamp::from_seconds(1_800_000_000), 86_400);
        assert!(is_time(every, now, None, None));
        assert!(!is_time(every, now, Some(now.plus_seconds(-29 * day)), None));
        assert!(is_time(every, now, Some(now.plus_seconds(-30 * day)), None));
        assert!(is_time(every, now, Some(now.plus_seconds(400 * day)), None), "begun in the future");
        assert_eq!(due(every, now, Some(now.plus_seconds(-29 * day))), Some(now.plus_seconds(day)));
    }
}
