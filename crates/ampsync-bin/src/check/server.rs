//! The server's side: whether it answers, takes the token, knows the dataset, and streams.

use std::time::Duration;

use ampsync_manifest::DatasetRef;
use futures::StreamExt as _;
use nozzle_client::SqlClient;
use nozzle_client::admin::{AdminClient, ResolvedDataset};
use sync_core::Source as _;
use sync_core::chain::Cursor;

use super::clock::Clock;
use super::problem::Problem;
use super::report::Report;
use crate::chosen::ChosenSource;
use crate::settings::ServerSettings;
use crate::{adapters, admin};

/// How long a stream may stay silent and still be believed: what is refused, is refused at once.
const SILENCE_MAX: Duration = Duration::from_secs(3);

/// The server as it was given.
pub(super) struct Server {
    pub(super) client: SqlClient,
    admin: Option<AdminClient>,
    clock: Clock,
}

/// What a stream that was opened for a moment did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opened {
    /// It streams, or has nothing to say yet.
    Streams,
    /// It ended at once: the server has no data of it.
    Ended,
}

impl Server {
    pub(super) fn new(
        settings: &ServerSettings,
        clock: Clock,
        report: &mut Report,
    ) -> Option<Self> {
        let clients = (adapters::sql_client(settings), adapters::admin_client(settings));
        match clients {
            (Ok(client), Ok(admin)) => Some(Self { client, admin, clock }),
            (client, admin) => {
                let mistakes = [client.err(), admin.err()].into_iter().flatten();
                mistakes.for_each(|mistake| report.problem(mistake.into()));
                report.unchecked("the server and its streams, because of its settings");
                None
            }
        }
    }

    /// Which manifest the dataset is, where the Admin API may be asked.
    pub(super) async fn resolve(
        &self,
        dataset: &DatasetRef,
    ) -> Result<Option<ResolvedDataset>, Problem> {
        let Some(admin) = &self.admin else { return Ok(None) };
        let answer = self.clock.ask("NOZZLE_ADMIN_ENDPOINT", admin::ask(admin, dataset)).await?;
        answer.map(Some).map_err(|error| Problem::of_admin(&error))
    }

    /// Finds out whether anybody is there, where it is not known what to ask for: of an answer about
    /// this query, only that it came counts.
    pub(super) async fn probe(&self, report: &mut Report) {
        match self.clock.ask("NOZZLE_ENDPOINT", self.client.schema("SELECT 1")).await {
            Ok(Err(error)) if error.is_denied() || error.is_outage() || error.is_foreign() => {
                report.problem(Problem::of_server("NOZZLE_ENDPOINT", &error));
            }
            Ok(_) => {}
            Err(problem) => {
                report.problem(problem);
                report.unchecked("the server, because it did not answer in time");
            }
        }
    }
}

/// Opens a stream, and closes it when it has shown that it is one. Some of what a server cannot
/// stream it refuses only then.
pub(super) async fn open(
    clock: Clock,
    source: &ChosenSource,
    table: &str,
    resume: Option<&Cursor>,
) -> Result<Opened, Problem> {
    let opened = clock.ask("NOZZLE_ENDPOINT", source.open(resume)).await?;
    let (_, mut stream) = opened.map_err(|error| Problem::of_stream(table, &error))?;
    match clock.ask_within(SILENCE_MAX, "NOZZLE_ENDPOINT", stream.next()).await {
        Ok(Some(Err(error))) => Err(Problem::of_stream(table, &error)),
        Ok(Some(Ok(_))) | Err(_) => Ok(Opened::Streams),
        Ok(None) => Ok(Opened::Ended),
    }
}
