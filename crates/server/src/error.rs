//! Errors at the edge: what went wrong inside is logged, and whoever asked learns no more than that it did.

use std::error::Error;
use std::net::SocketAddr;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::subsonic::{ErrorCode, Failure, Unrecognised};

/// Why the server could not start or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address is taken or not ours.
    #[error("cannot listen on {address}; is another server running there?")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The HTTP server stopped.
    #[error("the HTTP server stopped")]
    Http(#[source] std::io::Error),
    /// The archive cannot be read.
    #[error(transparent)]
    Archive(#[from] fonoteca_archive::ArchiveError),
    /// The seeder cannot be started.
    #[error(transparent)]
    Swarm(#[from] fonoteca_swarm::SwarmError),
}

/// Something failed inside; the details are in the log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Internal;

impl App {
    /// Logs an error with its whole chain of causes.
    #[expect(clippy::unused_self, reason = "the one place through which all errors go belongs to the server")]
    pub(crate) fn internal(&self, doing: &str, error: &dyn Error) -> Internal {
        let mut chain = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            chain = format!("{chain}: {cause}");
            source = cause.source();
        }
        tracing::error!(doing, "{chain}");
        Internal
    }
}

impl IntoResponse for Internal {
    fn into_response(self) -> Response {
        (StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong; the server's log says what.").into_response()
    }
}

impl From<Internal> for Failure {
    fn from(_: Internal) -> Self {
        Self::new(ErrorCode::Generic, "something went wrong; the server's log says what")
    }
}

impl From<Internal> for Unrecognised {
    fn from(internal: Internal) -> Self {
        Self::Failure(internal.into())
    }
}
