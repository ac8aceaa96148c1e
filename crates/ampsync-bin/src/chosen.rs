//! A stream of which some columns or rows were chosen, which the server can refuse only by saying
//! that it does not know a name: so the names are looked for first.

use std::borrow::Cow;

use arrow_schema::SchemaRef;
use futures::TryStreamExt as _;
use futures::stream::MapErr;
use nozzle_client::SqlClient;
use sync_core::chain::Cursor;
use sync_core::{Classify, Fault, Source};

use crate::declared::ComparedSource;
use crate::options::{TableConfig, UnknownColumn, unknown_columns};

/// A stream whose chosen columns are looked for before it is opened for the first time.
#[derive(Debug)]
pub(crate) struct ChosenSource {
    stream: ComparedSource,
    client: SqlClient,
    table: String,
    /// The query for everything.
    all: String,
    config: Option<TableConfig>,
}

/// Why a stream cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChosenError {
    /// The server, or the way to it.
    #[error(transparent)]
    Stream(#[from] nozzle_client::Error),
    /// What was chosen is not there.
    #[error("{}", lines(.0))]
    Columns(Vec<UnknownColumn>),
}

impl ChosenSource {
    pub(crate) fn new(
        stream: ComparedSource,
        client: SqlClient,
        table: &str,
        all: String,
        config: Option<TableConfig>,
    ) -> Self {
        Self { stream, client, table: table.to_owned(), all, config }
    }

    async fn check(&self) -> Result<(), ChosenError> {
        let chosen = self.config.as_ref().filter(|config| !config.selection.is_all());
        let Some(config) = chosen else { return Ok(()) };
        let schema = self.client.schema(&self.all).await?;
        let unknown = unknown_columns(&self.table, config, schema.fields());
        if unknown.is_empty() { Ok(()) } else { Err(ChosenError::Columns(unknown)) }
    }
}

impl Source for ChosenSource {
    type Error = ChosenError;
    type Stream =
        MapErr<<ComparedSource as Source>::Stream, fn(nozzle_client::Error) -> ChosenError>;

    async fn schema(&self) -> Result<SchemaRef, ChosenError> {
        self.check().await?;
        Ok(self.stream.schema().await?)
    }

    async fn open(
        &self,
        resume: Option<&Cursor>,
    ) -> Result<(SchemaRef, Self::Stream), ChosenError> {
        let (schema, stream) = self.stream.open(resume).await?;
        let wrap: fn(_) -> _ = ChosenError::Stream;
        Ok((schema, stream.map_err(wrap)))
    }
}

impl Classify for ChosenError {
    fn fault(&self) -> Fault {
        match self {
            Self::Stream(error) => error.fault(),
            // A column may come, but a misspelt one will not; a restart looks again.
            Self::Columns(_) => Fault::Permanent,
        }
    }

    fn remedy(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Stream(error) => error.remedy(),
            Self::Columns(_) => Some("correct `columns` or `where` in AMPSYNC_CONFIG".into()),
        }
    }
}

fn lines(columns: &[UnknownColumn]) -> String {
    columns.iter().map(|column| column.line.as_str()).collect::<Vec<_>>().join("; ")
}
