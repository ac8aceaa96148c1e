//! One reload after the other.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use nozzle_client::admin::AdminClient;
use sync_core::Source as _;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::warn;

use super::apply::{self, Tables};
use super::board::{Last, Outcome, Reloads};
use super::cause::Cause;
use super::difference::Difference;
use super::files::Files;
use super::poll::{self, Known};
use super::trouble::Trouble;
use super::{read, watch as files};
use crate::plan::{self, PlannedTable};
use crate::run::refuse;
use crate::settings::{Given, Lasting, Mistakes, Settings};
use crate::signals::Hangup;
use crate::{adapters, admin, database, ends};

/// How long until what may pass is tried again: from the first, doubling, to the second.
const RETRY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// How long the server has to describe all new streams.
const DESCRIBE_MAX: Duration = Duration::from_secs(60);

/// Causes that wait to be taken; more say nothing that these do not.
const CAUSES_MAX: usize = 4;

/// From what the process was started.
pub(crate) struct Begun {
    pub(crate) given: Arc<Given>,
    pub(crate) lasting: Lasting,
    pub(crate) files: Files,
}

/// Knows when the settings are to be read again, and does it.
pub(crate) struct Reloader {
    begun: Begun,
    /// What the process runs with.
    settings: Settings,
    admin: Option<AdminClient>,
    hangup: Hangup,
    causes: mpsc::Receiver<Cause>,
    files: watch::Sender<Arc<Files>>,
    known: watch::Sender<Known>,
    retry: Option<Instant>,
    delay: Duration,
    board: Arc<Reloads>,
    /// Who tells of causes. They stop with this.
    _watchers: JoinSet<()>,
}

impl Reloader {
    /// Begins to look for causes; `known` is what the Admin API has said at the start.
    ///
    /// # Errors
    /// When the Admin API's address is none.
    pub(crate) fn start(
        mut begun: Begun,
        settings: &Settings,
        known: Known,
        hangup: Hangup,
        board: &Arc<Reloads>,
    ) -> Result<Self, Mistakes> {
        let admin = adapters::admin_client(&settings.server)?;
        let (causes, caused) = mpsc::channel(CAUSES_MAX);
        let read = Arc::new(std::mem::take(&mut begun.files));
        let (files, files_read) = watch::channel(read);
        let (known, known_now) = watch::channel(known);
        let mut watchers = JoinSet::new();
        if let Some(every) = settings.reload.watch {
            watchers.spawn(files::watch(files_read, every, causes.clone()));
        }
        if let (Some(every), Some(admin)) = (settings.reload.poll, &admin) {
            watchers.spawn(poll::poll(admin.clone(), known_now, every, causes.clone()));
        }
        Ok(Self {
            begun,
            settings: settings.clone(),
            admin,
            hangup,
            causes: caused,
            files,
            known,
            retry: None,
            delay: RETRY.0,
            board: Arc::clone(board),
            _watchers: watchers,
        })
    }

    /// Waits until there is a cause to read the settings again. Dropping the future loses none.
    async fn cause(&mut self) -> Cause {
        let retry = async {
            match self.retry {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.hangup.next() => Cause::Signal,
            Some(cause) = self.causes.recv() => cause,
            () = retry => Cause::Again,
        }
    }

    /// Waits until all tables have ended, and reloads meanwhile as often as there is a cause.
    ///
    /// # Cancellation
    /// Dropping the future in the midst of a reload may leave some of the tables stopped.
    pub(crate) async fn follow(
        &mut self,
        tables: &mut Tables,
    ) -> Vec<(String, sync_core::Outcome)> {
        loop {
            let cause = tokio::select! {
                biased;
                cause = self.cause() => Some(cause),
                ended = tables.next() => {
                    if !tables.revise().await
                        && let Some(outcomes) = ended
                    {
                        return outcomes;
                    }
                    None
                }
            };
            if let Some(cause) = cause {
                self.reload(&cause, tables).await;
                tables.hurry();
            }
        }
    }

    async fn reload(&mut self, cause: &Cause, tables: &mut Tables) {
        let mut needs_restart = Vec::new();
        let outcome = match self.attempt(tables, &mut needs_restart).await {
            Ok((dataset, difference)) => {
                let outcome = tables.apply(difference).await;
                self.board.syncs(dataset);
                outcome
            }
            Err(trouble) => {
                if let Trouble::Mistakes(mistakes) = &trouble {
                    // As at a start, for a person.
                    refuse(mistakes);
                }
                Outcome::Failed { message: trouble.to_string(), retried: trouble.may_pass() }
            }
        };
        if let Outcome::Failed { retried: true, .. } = &outcome {
            self.retry = Some(Instant::now() + self.delay);
            self.delay = (self.delay * 2).min(RETRY.1);
        } else {
            (self.retry, self.delay) = (None, RETRY.0);
        }
        let text = cause.to_string();
        apply::tell(&text, &outcome);
        let last = Last { at: SystemTime::now(), cause: text, outcome, needs_restart };
        self.board.note(last, *cause == Cause::Again);
    }

    /// Everything that can fail, before anything is touched: which dataset it is, and what there is
    /// to do.
    async fn attempt(
        &self,
        tables: &Tables,
        needs_restart: &mut Vec<&'static str>,
    ) -> Result<(String, Difference), Trouble> {
        let read = read::read(&self.begun.given).await?;
        self.files.send_replace(Arc::new(read.files));
        for outdated in self.begun.lasting.outdated(&read.lasting) {
            let setting = outdated.setting;
            let (running, now) = outdated.values.unzip();
            warn!(
                setting,
                running, now, "the setting has changed, which takes a restart to have an effect"
            );
            needs_restart.push(setting);
        }
        let settings = read.settings?;
        let difference = tables.difference(self.plan(&settings).await?);
        if difference.starting().next().is_some() {
            let doing = "the database cannot be used";
            let config = &self.settings.database.config;
            let variable = self.settings.database.variable;
            database::attempt(config).await.map_err(Trouble::of(variable, doing))?;
            let described = timeout(DESCRIBE_MAX, describe(tables, &difference)).await;
            described.unwrap_or_else(|_| {
                Err(Trouble::Passing {
                    doing: "the new streams are not known".to_owned(),
                    error: format!("no answer within {} s", DESCRIBE_MAX.as_secs()),
                    remedy: None,
                })
            })?;
        }
        Ok((settings.dataset.dataset.to_string(), difference))
    }

    async fn plan(&self, settings: &Settings) -> Result<Vec<PlannedTable>, Trouble> {
        let dataset = &settings.dataset;
        let resolved = match self.admin.as_ref().filter(|_| dataset.is_asked_for()) {
            None => None,
            Some(admin) => {
                let doing = format!("the dataset {} cannot be resolved", dataset.dataset);
                let resolved = admin::ask(admin, &dataset.dataset).await;
                Some(resolved.map_err(Trouble::of("NOZZLE_ADMIN_ENDPOINT", doing))?)
            }
        };
        let known = resolved.clone().map(|resolved| (dataset.dataset.clone(), resolved));
        self.known.send_replace(known);
        Ok(plan::tables(dataset, &settings.tables, resolved.as_ref())?)
    }
}

/// Whether the server has every stream that is to be started.
async fn describe(tables: &Tables, difference: &Difference) -> Result<(), Trouble> {
    for planned in difference.starting() {
        // What the manifest declares is compared when the table runs.
        let planned = PlannedTable { declared: None, ..planned.clone() };
        let schema = ends::source(tables.client(), &planned).schema().await;
        let doing = format!("the table {} cannot be started", planned.table);
        schema.map_err(Trouble::of("TABLES", doing))?;
    }
    Ok(())
}
