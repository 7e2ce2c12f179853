//! What is wrong with a query: where, and what was perhaps meant.

use datafusion::common::utils::datafusion_strsim::levenshtein;
use datafusion::common::{DataFusionError, SchemaError};

use crate::error::CatalogError;
use crate::schema::Table;

/// Why a query has no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// It is no SQL.
    #[error("the query cannot be read{}: {reason}", place(*at))]
    Syntax {
        /// What was expected and found.
        reason: String,
        /// Line and column, from 1.
        at: Option<(u64, u64)>,
    },
    /// It names a table that there is not.
    #[error("no table `{name}`{}{}", place(*at), meant(near.as_deref()))]
    Table {
        /// The table.
        name: String,
        /// The one with the most similar name, if any is similar.
        near: Option<String>,
        /// Line and column, from 1.
        at: Option<(u64, u64)>,
    },
    /// It names a column that there is not.
    #[error("no column `{name}`{}{}", place(*at), meant(near.as_deref()))]
    Column {
        /// The column.
        name: String,
        /// The one with the most similar name, if any is similar.
        near: Option<String>,
        /// Those that may stand there.
        all: Vec<String>,
        /// Line and column, from 1.
        at: Option<(u64, u64)>,
    },
    /// It would change something.
    #[error("queries only read: {what}")]
    Writes {
        /// What it would do.
        what: String,
    },
    /// It makes no sense otherwise.
    #[error("the query makes no sense{}: {reason}", place(*at))]
    Plan {
        /// Why.
        reason: String,
        /// Line and column, from 1.
        at: Option<(u64, u64)>,
    },
    /// It needs more memory than it may take, and cannot spill it.
    #[error("the query needs more memory than it may take: {reason}")]
    Memory {
        /// Who took how much.
        reason: String,
    },
    /// It could not be carried out.
    #[error(transparent)]
    Run(#[from] CatalogError),
}

impl QueryError {
    /// The line of the query that the error is about, and its column, from 1.
    pub fn at(&self) -> Option<(u64, u64)> {
        match self {
            Self::Syntax { at, .. } | Self::Table { at, .. } | Self::Column { at, .. } | Self::Plan { at, .. } => *at,
            Self::Writes { .. } | Self::Memory { .. } | Self::Run(_) => None,
        }
    }

    /// Whether the query is wrong, and not what came of it.
    pub fn is_of_the_query(&self) -> bool {
        !matches!(self, Self::Memory { .. } | Self::Run(_))
    }
}

fn place(at: Option<(u64, u64)>) -> String {
    at.map_or_else(String::new, |(line, column)| format!(" (line {line}, column {column})"))
}

fn meant(near: Option<&str>) -> String {
    near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"))
}

/// The error as people can act on it.
pub(super) fn explained(query: &str, error: DataFusionError) -> QueryError {
    let span = error.diagnostic().and_then(|diagnostic| diagnostic.span);
    let at = span.map(|span| (span.start.line, span.start.column)).filter(|(line, _)| *line > 0);
    let sorted = match error.find_root() {
        DataFusionError::SQL(parser, _) => Some(syntax(&parser.to_string())),
        DataFusionError::SchemaError(schema, _) => Some(column(schema, at)),
        DataFusionError::Plan(reason) => Some(plan(reason, at)),
        DataFusionError::NotImplemented(reason) => Some(QueryError::Plan { reason: reason.clone(), at }),
        DataFusionError::ResourcesExhausted(reason) => Some(QueryError::Memory { reason: first_line(reason) }),
        DataFusionError::Execution(reason) if reason.starts_with("parse_id: ") => {
            Some(QueryError::Plan { reason: reason.clone(), at })
        }
        _ => None,
    };
    sorted.unwrap_or_else(|| QueryError::Run(CatalogError::query(query)(error)))
}

/// The parser says where as text: `… at Line: 1, Column: 15`.
fn syntax(text: &str) -> QueryError {
    let text = text.strip_prefix("sql parser error: ").unwrap_or(text);
    let (reason, place) = text.rsplit_once(" at Line: ").unwrap_or((text, ""));
    let at = place.split_once(", Column: ").and_then(|(line, column)| {
        let column: String = column.chars().take_while(char::is_ascii_digit).collect();
        Some((line.parse().ok()?, column.parse().ok()?))
    });
    QueryError::Syntax { reason: reason.to_owned(), at }
}

fn column(error: &SchemaError, at: Option<(u64, u64)>) -> QueryError {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => {
            let mut all: Vec<String> = valid_fields.iter().map(|valid| valid.name.clone()).collect();
            all.sort_unstable();
            all.dedup();
            let near = nearest(&field.name, all.iter().map(String::as_str));
            QueryError::Column { name: field.flat_name(), near, all, at }
        }
        other => QueryError::Plan { reason: other.to_string(), at },
    }
}

fn plan(reason: &str, at: Option<(u64, u64)>) -> QueryError {
    let quoted = |text: &str, before: &str, after: &str| {
        let name = text.strip_prefix(before)?.strip_suffix(after)?;
        Some(name.rsplit('.').next().unwrap_or(name).to_owned())
    };
    if let Some(name) = quoted(reason, "table '", "' not found") {
        let near = nearest(&name, Table::ALL.iter().map(|table| table.name()));
        return QueryError::Table { name, near, at };
    }
    for what in ["DDL not supported: ", "DML not supported: ", "Statement not supported: "] {
        if let Some(done) = reason.strip_prefix(what) {
            return QueryError::Writes { what: format!("{done} is not done here") };
        }
    }
    QueryError::Plan { reason: reason.replace(".\n", "; ").replace('\n', " "), at }
}

/// The name with the fewest letters to change, if they are few.
fn nearest<'a>(name: &str, all: impl Iterator<Item = &'a str>) -> Option<String> {
    let name = name.to_lowercase();
    let near = all.map(|other| (levenshtein(&name, &other.to_lowercase()), other)).min()?;
    (near.0 <= 1 + name.len() / 4).then(|| near.1.to_owned())
}

/// What could not be had; the list of those who have it is for developers.
fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.split(" with top memory consumers").next().unwrap_or(line).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn similar_names_are_offered_and_others_are_not() {
        let tables = || Table::ALL.iter().map(|table| table.name());
        assert_eq!(nearest("trakcs", tables()).as_deref(), Some("tracks"));
        assert_eq!(nearest("ALBUM", tables()).as_deref(), Some("albums"));
        assert_eq!(nearest("elephants", tables()), None);
    }

    #[test]
    fn the_parsers_place_is_found() {
        let error = syntax("sql parser error: Expected: an expression, found: FROM at Line: 2, Column: 10");
        assert_eq!(error.at(), Some((2, 10)));
        assert_eq!(
            error.to_string(),
            "the query cannot be read (line 2, column 10): Expected: an expression, found: FROM"
        );
        assert_eq!(syntax("something else").at(), None);
    }
}
