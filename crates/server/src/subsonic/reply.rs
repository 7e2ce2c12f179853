//! The envelope of every Subsonic answer, and its error codes.

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::node::Node;

/// The version of the Subsonic API that OpenSubsonic builds on.
pub(crate) const API_VERSION: &str = "1.16.1";

/// The form that a client wants its answers in (`f`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Xml,
    Json,
}

/// The failures that the API knows; all are sent with HTTP status 200, as its clients expect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorCode {
    Generic = 0,
    MissingParameter = 10,
    ClientTooOld = 20,
    ServerTooOld = 30,
    WrongCredentials = 40,
    ConflictingAuthentication = 43,
    WrongApiKey = 44,
    NotAuthorised = 50,
    NotFound = 70,
}

/// A failure that the client is told about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) code: ErrorCode,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    pub(crate) fn missing(parameter: &str) -> Self {
        Self::new(ErrorCode::MissingParameter, format!("the parameter {parameter} is missing"))
    }

    pub(crate) fn bad(parameter: &str, found: &str, expected: &str) -> Self {
        let found: String = found.chars().take(80).collect();
        Self::new(ErrorCode::Generic, format!("the parameter {parameter} is {found:?}; expected {expected}"))
    }

    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(ErrorCode::NotFound, format!("there is no such {what}"))
    }
}

/// Writes an answer: the members of `result` beside those of the envelope.
pub(crate) fn reply(format: Format, result: Result<Node, Failure>) -> Response {
    let status = if result.is_ok() { "ok" } else { "failed" };
    let body = result.unwrap_or_else(|failure| {
        Node::new().one("error", Node::new().with("code", failure.code as i64).with("message", failure.message))
    });
    let envelope = Node::new()
        .with("status", status)
        .with("version", API_VERSION)
        .with("type", "fonoteca")
        .with("serverVersion", env!("CARGO_PKG_VERSION"))
        .with("openSubsonic", true);
    match format {
        Format::Json => {
            let body = json!({ "subsonic-response": envelope.and(body).json() }).to_string();
            ([(CONTENT_TYPE, "application/json; charset=utf-8")], body).into_response()
        }
        Format::Xml => {
            let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
            let root = Node::new().with("xmlns", "http://subsonic.org/restapi").and(envelope).and(body);
            root.write_xml("subsonic-response", &mut text);
            ([(CONTENT_TYPE, "application/xml; charset=utf-8")], text).into_response()
        }
    }
}
