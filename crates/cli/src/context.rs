//! What every command works with: the archive that is meant, the keys, the output, and whether the user wants to stop.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use fonoteca_accounts::Accounts;
use fonoteca_archive::keys::KeyRing;
use fonoteca_archive::{Archive, Clock};
use fonoteca_model::Timestamp;

use crate::cli::Global;
use crate::environment;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::output::Output;
use crate::progress::Job;

/// What every command works with.
#[derive(Clone)]
pub struct Context {
    archive: Option<PathBuf>,
    configuration: Option<PathBuf>,
    person: String,
    clock: Clock,
    output: Arc<Output>,
    interrupt: Interrupt,
}

impl Context {
    /// From the global options and the environment.
    pub fn new(global: &Global) -> Self {
        let output = Arc::new(Output::new(global));
        Self {
            archive: global.archive.clone(),
            configuration: environment::configuration_folder(),
            person: environment::person(),
            clock: environment::clock(),
            interrupt: Interrupt::new(output.clone()),
            output,
        }
    }

    /// The same for another archive, with keys of its own.
    pub fn elsewhere(&self, archive: &Path, configuration: &Path) -> Self {
        Self { archive: Some(archive.to_owned()), configuration: Some(configuration.to_owned()), ..self.clone() }
    }

    /// The name of the archive's folder, if one was named.
    pub fn archive_name(&self) -> String {
        let name = self.archive.as_ref().and_then(|folder| folder.file_name());
        name.map_or_else(String::new, |name| name.to_string_lossy().into_owned())
    }

    /// Where results and notes go.
    pub fn output(&self) -> &Output {
        &self.output
    }

    /// Who decisions are recorded as.
    pub fn person(&self) -> &str {
        &self.person
    }

    /// The clock.
    pub fn clock(&self) -> Clock {
        self.clock.clone()
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Whether the user wants to stop.
    pub fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }

    /// The progress of a long job. From here on, Ctrl-C asks the job to stop at its next safe point.
    pub fn job(&self) -> Job<'_> {
        self.interrupt.watch();
        Job::new(&self.output, &self.interrupt)
    }

    /// The archive that is meant: the one named, or the one that the current folder is in.
    pub async fn open(&self) -> Result<Archive, CommandError> {
        let folder = if let Some(folder) = &self.archive {
            folder.clone()
        } else {
            let here = std::env::current_dir().map_err(|error| {
                CommandError::of(Exit::SomeFailed, &error)
                    .hint("the current folder is gone; name one with --archive DIR")
            })?;
            Archive::find(&here)?
        };
        Ok(Archive::open(&folder, self.clock()).await?)
    }

    /// The folder with the keys.
    pub fn keys_folder(&self) -> Result<PathBuf, CommandError> {
        let folder = self.configuration.as_ref().ok_or_else(|| {
            CommandError::usage("there is no folder for keys, since neither FONOTECA_CONFIG nor HOME is set")
                .hint("set FONOTECA_CONFIG to a folder that only you can read")
        })?;
        Ok(folder.join("keys"))
    }

    /// The keys.
    pub fn keys(&self) -> Result<KeyRing, CommandError> {
        Ok(KeyRing::new(self.keys_folder()?))
    }

    /// The accounts of an archive.
    pub async fn accounts(&self, archive: &Archive) -> Result<Accounts, CommandError> {
        Ok(Accounts::open(&archive.accounts_path(), self.keys()?.accounts_key()?).await?)
    }
}
