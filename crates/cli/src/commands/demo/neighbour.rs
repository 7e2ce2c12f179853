//! The server of the tour, in this very process.

use std::net::SocketAddr;
use std::time::Duration;

use fonoteca_accounts::Accounts;
use fonoteca_archive::Archive;
use fonoteca_server::{Bound, ServerError, ServerOptions, serve};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::error::CommandError;
use crate::exit::Exit;

/// After so long the server has noticed what was published.
pub const NOTICED: Duration = Duration::from_millis(2500);

/// A running server on free ports of this machine.
pub struct Server {
    bound: Bound,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), ServerError>>,
}

impl Server {
    pub async fn start(archive: Archive, accounts: Accounts) -> Result<Self, CommandError> {
        let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
        let options = ServerOptions { listen: any_port, bittorrent: Some(any_port), ..ServerOptions::default() };
        let (ready, is_ready) = oneshot::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async move {
            // A sender that is gone means the same.
            let _ = stopped.await;
        };
        let on_ready = move |bound: Bound| {
            // Nobody waits any more only when the tour has ended.
            let _ = ready.send(bound);
        };
        let mut task = tokio::spawn(serve(archive, accounts, options, on_ready, shutdown));
        tokio::select! {
            Ok(bound) = is_ready => Ok(Self { bound, stop, task }),
            ended = &mut task => Err(problem(ended)),
        }
    }

    /// Where its page is.
    pub fn url(&self) -> String {
        format!("http://{}", self.bound.http)
    }

    /// Where it seeds.
    pub fn seeder(&self) -> String {
        self.bound.bittorrent.map_or_else(|| "nowhere".to_owned(), |address| address.to_string())
    }

    /// Stops it, and waits until it has.
    pub async fn stop(self) -> Result<(), CommandError> {
        // It may have stopped by itself; its end says why.
        let _ = self.stop.send(());
        match self.task.await {
            Ok(Ok(())) => Ok(()),
            ended => Err(problem(ended)),
        }
    }
}

fn problem(ended: Result<Result<(), ServerError>, tokio::task::JoinError>) -> CommandError {
    match ended {
        Ok(Err(error)) => error.into(),
        Ok(Ok(())) => CommandError::usage("the server stopped before it began"),
        Err(error) => CommandError::of(Exit::Bug, &error),
    }
}
