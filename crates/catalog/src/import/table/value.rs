//! Values of a map: which columns they are taken from, and what is done to them on the way.

use fonoteca_model::PartialDate;
use toml::Value as Toml;

use super::cells::Cell;
use super::keys::Keys;
use super::literal;
use super::map::MapError;

/// What a duration is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Seconds,
    Milliseconds,
    /// `m:ss`, `h:mm:ss`.
    Clock,
}

/// The order of the parts of a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum DateFormat {
    /// `2004-07-09`, `2004`, `20040709`.
    #[default]
    YearFirst,
    /// `9.7.2004`.
    DayFirst,
    /// `7/9/2004`.
    MonthFirst,
    /// Seconds since 1970.
    Unix,
}

/// How one value is made.
#[derive(Debug, Clone, Default)]
pub(super) struct Value {
    pub columns: Vec<String>,
    /// Where those columns are, once the table is known.
    pub at: Vec<usize>,
    join: String,
    constant: Option<String>,
    keep_blanks: bool,
    split: Vec<String>,
    list: bool,
    pick: Option<String>,
    nothing: Vec<String>,
    words: Vec<(String, String)>,
    starts: Option<String>,
    pub unit: Option<Unit>,
    pub date: DateFormat,
    /// The column may be missing.
    pub optional: bool,
}

/// A value that was not understood: which column, and why.
pub(super) type Refusal = (String, String);

impl Value {
    /// `"column"`, or a table with `column`, `columns` or `constant` and what is to be done.
    pub(super) fn read(keys: &mut Keys, key: &'static str) -> Result<Option<Self>, MapError> {
        match keys.take(key) {
            None => Ok(None),
            Some(Toml::String(column)) => Ok(Some(Self { columns: vec![column], ..Self::default() })),
            Some(Toml::Table(table)) => Self::from_table(table, &format!("`{key}`")).map(Some),
            Some(other) => Err(keys.problem(format!("`{key}` is a column or a table, not {}", other.type_str()))),
        }
    }

    pub(super) fn from_toml(value: Toml, place: &str) -> Result<Self, MapError> {
        match value {
            Toml::String(column) => Ok(Self { columns: vec![column], ..Self::default() }),
            Toml::Table(table) => Self::from_table(table, place),
            other => Err(MapError::Wrong {
                place: place.to_owned(),
                problem: format!("a column or a table is wanted, not {}", other.type_str()),
            }),
        }
    }

    fn from_table(table: toml::Table, place: &str) -> Result<Self, MapError> {
        let mut keys = Keys::new(table, place);
        let column = keys.text("column")?;
        let columns = keys.texts("columns")?;
        let constant = keys.text("constant")?;
        let named = [column.is_some(), columns.is_some(), constant.is_some()];
        if named.iter().filter(|named| **named).count() != 1 {
            return Err(keys.problem("name one of `column`, `columns` and `constant`"));
        }
        let unit = match keys.text("unit")?.as_deref() {
            None => None,
            Some("s") => Some(Unit::Seconds),
            Some("ms") => Some(Unit::Milliseconds),
            Some("m:ss") => Some(Unit::Clock),
            Some(other) => return Err(keys.problem(format!("unit {other:?} is none of s, ms, m:ss"))),
        };
        let date = match keys.text("date")?.as_deref() {
            None | Some("ymd") => DateFormat::YearFirst,
            Some("dmy") => DateFormat::DayFirst,
            Some("mdy") => DateFormat::MonthFirst,
            Some("unix") => DateFormat::Unix,
            Some(other) => return Err(keys.problem(format!("date {other:?} is none of ymd, dmy, mdy, unix"))),
        };
        let split = keys.texts("split")?.unwrap_or_default();
        if split.iter().any(String::is_empty) {
            return Err(keys.problem("`split` at an empty text splits nothing"));
        }
        let value = Self {
            columns: columns.unwrap_or_else(|| column.into_iter().collect()),
            at: Vec::new(),
            join: keys.text("join")?.unwrap_or_else(|| " ".to_owned()),
            constant,
            keep_blanks: !keys.flag("trim")?.unwrap_or(true),
            split,
            list: keys.flag("list")?.unwrap_or(false),
            pick: keys.text("pick")?,
            nothing: keys.texts("nothing")?.unwrap_or_default(),
            words: keys.words("words")?,
            starts: keys.text("starts")?,
            unit,
            date,
            optional: keys.flag("optional")?.unwrap_or(false),
        };
        if value.columns.is_empty() && value.constant.is_none() {
            return Err(keys.problem("`columns` names no column"));
        }
        keys.finish()?;
        Ok(value)
    }

    /// What rejects call it.
    pub(super) fn name(&self) -> String {
        if self.columns.is_empty() { "(constant)".to_owned() } else { self.columns.join("+") }
    }

    pub(super) fn refuse(&self, reason: impl Into<String>) -> Refusal {
        (self.name(), reason.into())
    }

    /// The values of a row: one, none, or what a list holds.
    pub(super) fn texts(&self, row: &[Cell], nothing: &[String], limit: usize) -> Result<Vec<String>, Refusal> {
        if let Some(constant) = &self.constant {
            return Ok(vec![constant.clone()]);
        }
        let mut found: Vec<String> = Vec::new();
        for at in &self.at {
            match row.get(*at) {
                None | Some(Cell::Nothing) => {}
                Some(Cell::Bad(reason)) => return Err(self.refuse(reason)),
                Some(Cell::Text(text)) => found.extend(self.one(text, nothing)),
                Some(Cell::Texts(texts)) => found.extend(texts.iter().filter_map(|text| self.one(text, nothing))),
            }
        }
        if self.at.len() > 1 {
            found = if found.is_empty() { found } else { vec![found.join(&self.join)] };
        }
        if self.list || self.pick.is_some() {
            let mut items = Vec::new();
            for text in &found {
                let list = literal::texts(text, self.pick.as_deref());
                items.extend(list.ok_or_else(|| self.refuse(format!("{:?} is no list", shortened(text))))?);
            }
            found = items;
        }
        for separator in &self.split {
            found = found.iter().flat_map(|text| text.split(separator.as_str())).map(str::to_owned).collect();
        }
        let mut values = Vec::with_capacity(found.len());
        for text in found {
            let Some(text) = self.one(&text, nothing) else { continue };
            let Some(text) = self.starts.as_deref().map_or(Some(&*text), |starts| text.strip_prefix(starts)) else {
                continue;
            };
            let text = self.words.iter().find(|(from, _)| from == text).map_or(text, |(_, to)| to);
            if text.is_empty() {
                continue;
            }
            if text.chars().nth(limit).is_some() {
                return Err(self.refuse(format!("is longer than {limit} characters")));
            }
            values.push(text.to_owned());
        }
        Ok(values)
    }

    fn one(&self, text: &str, nothing: &[String]) -> Option<String> {
        let text = if self.keep_blanks { text } else { text.trim() };
        let stands_for_nothing =
            text.is_empty() || nothing.iter().any(|word| word == text) || self.nothing.iter().any(|word| word == text);
        (!stands_for_nothing).then(|| text.replace('\0', ""))
    }

    /// Whether every column has a value: half an id is none.
    pub(super) fn is_whole(&self, row: &[Cell], nothing: &[String]) -> bool {
        self.at.iter().all(|at| match row.get(*at) {
            None | Some(Cell::Nothing) => false,
            Some(Cell::Bad(_) | Cell::Texts(_)) => true,
            Some(Cell::Text(text)) => self.one(text, nothing).is_some(),
        })
    }

    pub(super) fn duration(&self, text: &str) -> Result<Option<i64>, Refusal> {
        let wrong = || self.refuse(format!("{:?} is no duration", shortened(text)));
        let unit = self.unit.unwrap_or(if text.contains(':') { Unit::Clock } else { Unit::Seconds });
        let milliseconds = match unit {
            Unit::Clock => clock(text).ok_or_else(wrong)? * 1000.0,
            Unit::Seconds => decimal(text).ok_or_else(wrong)? * 1000.0,
            Unit::Milliseconds => decimal(text).ok_or_else(wrong)?,
        };
        if milliseconds < 0.0 {
            return Err(self.refuse(format!("{:?} is negative", shortened(text))));
        }
        // A year: nothing that is heard is longer.
        if milliseconds > 31_536_000_000.0 {
            return Err(self.refuse(format!("{:?} is longer than a year; is `unit` right?", shortened(text))));
        }
        // No source knows a track of no length: nobody had measured it.
        Ok(Some(milliseconds.round() as i64).filter(|milliseconds| *milliseconds > 0))
    }

    pub(super) fn date(&self, text: &str) -> Result<Option<String>, Refusal> {
        let wrong = || self.refuse(format!("{:?} is no date", shortened(text)));
        let first = text.split(['T', ' ']).find(|part| !part.is_empty()).unwrap_or_default();
        let parts: Vec<&str> = first.split(['/', '-', '.']).collect();
        let date = match (self.date, parts.as_slice()) {
            (DateFormat::DayFirst, [day, month, year]) | (DateFormat::MonthFirst, [month, day, year]) => {
                PartialDate::lenient(&format!("{year}-{month}-{day}"))
            }
            (DateFormat::DayFirst | DateFormat::MonthFirst, [month, year]) => {
                PartialDate::lenient(&format!("{year}-{month}"))
            }
            (DateFormat::Unix, _) => {
                let seconds = decimal(text).filter(|seconds| seconds.abs() < 250_000_000_000.0).ok_or_else(wrong)?;
                let moment = fonoteca_model::Timestamp::from_seconds(seconds as i64);
                PartialDate::lenient(&moment.to_string())
            }
            // A year as a number with a fraction is what some programs write.
            _ => PartialDate::lenient(text.strip_suffix(".0").unwrap_or(text)),
        };
        let unknown = text.chars().all(|c| matches!(c, '0' | '-' | '/' | '.' | ':' | ' ' | 'T' | '?'));
        match date {
            Some(date) => Ok(Some(date.to_string())),
            None if unknown => Ok(None),
            None => Err(wrong()),
        }
    }

    /// A place in an order, from 1; 0 is what tables write for none.
    pub(super) fn place(&self, text: &str) -> Result<Option<i32>, Refusal> {
        let number = decimal(text).filter(|number| number.fract() == 0.0 && (0.0..100_000.0).contains(number));
        let number = number.ok_or_else(|| self.refuse(format!("{:?} is no number from 1", shortened(text))))?;
        Ok(Some(number as i32).filter(|number| *number > 0))
    }

    pub(super) fn truth(&self, text: &str) -> Result<bool, Refusal> {
        match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "y" | "t" | "1" | "1.0" => Ok(true),
            "false" | "no" | "n" | "f" | "0" | "0.0" => Ok(false),
            _ => Err(self.refuse(format!("{:?} is neither true nor false", shortened(text)))),
        }
    }
}

/// A plain decimal number; `inf`, `NaN` and exponents are none.
fn decimal(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+'));
    text.parse::<f64>().ok().filter(|number| plain && number.is_finite())
}

fn clock(text: &str) -> Option<f64> {
    let (sign, text) = text.strip_prefix('-').map_or((1.0, text), |rest| (-1.0, rest));
    let parts: Vec<&str> = text.split(':').collect();
    let seconds = (1..=3).contains(&parts.len()).then(|| {
        parts.iter().enumerate().try_fold(0.0, |sum, (at, part)| {
            let value = decimal(part).filter(|value| *value >= 0.0 && (at == 0 || *value < 60.0))?;
            Some(sum * 60.0 + value)
        })
    });
    seconds.flatten().map(|seconds| sign * seconds)
}

/// Enough of a text to recognise it by.
pub(super) fn shortened(text: &str) -> String {
    text.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(toml: &str) -> Value {
        let table: toml::Table = format!("v = {toml}").parse().expect(toml);
        let mut keys = Keys::new(table, "test");
        let mut value = Value::read(&mut keys, "v").expect(toml).expect("there");
        value.at = (0..value.columns.len()).collect();
        value
    }

    fn texts(toml: &str, row: &[&str]) -> Vec<String> {
        let row: Vec<Cell> = row.iter().map(|text| Cell::Text((*text).to_owned())).collect();
        value(toml).texts(&row, &["?".to_owned()], 100).unwrap_or_else(|(column, why)| vec![format!("{column}: {why}")])
    }

    #[test]
    fn transforms() {
        assert_eq!(texts("'a'", &[" x "]), ["x"]);
        assert_eq!(texts("'a'", &["?"]), [""; 0]);
        assert_eq!(texts("{ column = 'a', trim = false }", &[" x "]), [" x "]);
        assert_eq!(texts("{ column = 'a', split = [';', ' & '] }", &["x; y & z;;?"]), ["x", "y", "z"]);
        assert_eq!(texts("{ columns = ['a', 'b'], join = '/' }", &["1", "2"]), ["1/2"]);
        assert_eq!(texts("{ columns = ['a', 'b'], join = '/' }", &["1", ""]), ["1"]);
        assert_eq!(texts("{ constant = 'c' }", &[]), ["c"]);
        assert_eq!(texts("{ column = 'a', nothing = 'none' }", &["none"]), [""; 0]);
        assert_eq!(texts("{ column = 'a', words = { x = 'y', z = '' }, split = ',' }", &["x,z,w"]), ["y", "w"]);
        assert_eq!(texts("{ column = 'a', split = '|', starts = 'g-' }", &["g-rock|m-sad|g-pop"]), ["rock", "pop"]);
        assert_eq!(texts("{ column = 'a', list = true }", &["['a', \"it's\"]"]), ["a", "it's"]);
        assert_eq!(texts("{ column = 'a', pick = 't' }", &["[{'t': 'Rock', 'n': 3}]"]), ["Rock"]);
        assert_eq!(texts("{ column = 'a', list = true }", &["(a"]), ["a: \"(a\" is no list"]);
        assert_eq!(texts("'a'", &[&"x".repeat(101)]), ["a: is longer than 100 characters"]);
    }

    #[test]
    fn durations() {
        let of = |toml: &str, text: &str| value(toml).duration(text).map_err(|(_, why)| why);
        assert_eq!(of("'d'", "245"), Ok(Some(245_000)));
        assert_eq!(of("'d'", "4:05"), Ok(Some(245_000)));
        assert_eq!(of("{ column = 'd', unit = 's' }", "124.6"), Ok(Some(124_600)));
        assert_eq!(of("{ column = 'd', unit = 'ms' }", "124600"), Ok(Some(124_600)));
        assert_eq!(of("{ column = 'd', unit = 'm:ss' }", "1:02:03.5"), Ok(Some(3_723_500)));
        assert_eq!(of("'d'", "0"), Ok(None));
        for wrong in ["-3", "-0:10", "1:61", "4:05:06:07", "x", "NaN", "inf", "1e9", "", "99999999999"] {
            assert!(of("'d'", wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn dates_numbers_and_truths() {
        let of = |format: &str, text: &str| {
            value(&format!("{{ column = 'd', date = '{format}' }}")).date(text).unwrap_or(Some("wrong".into()))
        };
        assert_eq!(of("ymd", "2004-07-09T10:00:00Z").as_deref(), Some("2004-07-09"));
        assert_eq!(of("ymd", "2008.0").as_deref(), Some("2008"));
        assert_eq!(of("dmy", "9.7.2004").as_deref(), Some("2004-07-09"));
        assert_eq!(of("mdy", "11/26/2008 01:44:45 AM").as_deref(), Some("2008-11-26"));
        assert_eq!(of("mdy", "2008").as_deref(), Some("2008"));
        assert_eq!(of("unix", "0").as_deref(), Some("1970-01-01"));
        assert_eq!(of("ymd", "0000-00-00"), None);
        assert_eq!(of("ymd", "yesterday").as_deref(), Some("wrong"));
        let place = |text: &str| value("'n'").place(text).map_err(|(_, why)| why);
        assert_eq!(place("7"), Ok(Some(7)));
        assert_eq!(place("7.0"), Ok(Some(7)));
        assert_eq!(place("0"), Ok(None));
        assert!(place("-1").is_err() && place("1.5").is_err() && place("A1").is_err() && place("1e2").is_err());
        assert_eq!(value("'b'").truth("Yes"), Ok(true));
        assert!(value("'b'").truth("perhaps").is_err());
    }

    #[test]
    fn a_wrong_value_is_named() {
        for (toml, problem) in [
            ("3", "`v` is a column or a table, not integer"),
            ("{ column = 'a', constant = 'b' }", "name one of `column`, `columns` and `constant`"),
            ("{ column = 'a', spilt = ';' }", "`spilt` means nothing here"),
            ("{ column = 'a', unit = 'min' }", "unit \"min\" is none of s, ms, m:ss"),
            ("{ column = 'a', date = 'iso' }", "none of ymd, dmy, mdy, unix"),
            ("{ columns = [] }", "`columns` names no column"),
            ("{ column = 'a', split = '' }", "splits nothing"),
        ] {
            let table: toml::Table = format!("v = {toml}").parse().expect(toml);
            let error = Value::read(&mut Keys::new(table, "test"), "v").expect_err(toml).to_string();
            assert!(error.contains(problem), "{error}");
        }
    }
}
