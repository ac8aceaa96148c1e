//! The verb `status`: how far the tables are, as the database alone knows it.

mod json;
mod long;
mod short;
pub(crate) mod text;

use std::io::Write as _;

use sink_postgres::Status;

use crate::failure::Failure;
use crate::run::Exit;
use crate::settings::StoredSettings;
use crate::{database, named};

/// What is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// Of which tables; of all, if empty.
    pub(crate) tables: Vec<String>,
    /// Everything, not a line a table.
    pub(crate) long: bool,
    /// For machines.
    pub(crate) json: bool,
}

/// Prints how far the tables are.
pub(crate) async fn status(settings: StoredSettings, request: Request) -> Exit {
    match run(&settings, &request).await {
        Ok(()) => Exit::Clean,
        Err(failure) => failure.tell(),
    }
}

async fn run(settings: &StoredSettings, request: &Request) -> Result<(), Failure> {
    let label = settings.database.label();
    let database = database::open(&settings.database).await?;
    let status = database.status().await;
    let mut status = status.map_err(Failure::or_refusal("the tables cannot be looked at"))?;
    if !request.tables.is_empty() {
        let tables = status.as_ref().map(|status| status.tables.as_slice()).unwrap_or_default();
        let known: Vec<_> = tables.iter().map(|table| table.table.clone()).collect();
        let wanted = named::tables(&request.tables, &settings.schema, &known)?;
        if let Some(status) = &mut status {
            status.tables.retain(|table| wanted.contains(&table.table));
        }
    }
    let text = render(&label, status.as_ref(), request);
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(Failure::printing)
}

fn render(database: &str, status: Option<&Status>, request: &Request) -> String {
    match status {
        _ if request.json => json::render(database, status),
        None => format!(
            "The database {database} has no schema ampsync: ampsync has never written to it.\n"
        ),
        Some(status) if status.tables.is_empty() => {
            format!("ampsync writes no table into the database {database}.\n")
        }
        Some(status) if request.long => long::render(status),
        Some(status) => short::render(status),
    }
}
