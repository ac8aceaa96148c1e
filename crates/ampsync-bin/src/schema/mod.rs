//! The verb `schema`: what the tables look like, as SQL for people and migration tools. It reads
//! the database at most.

mod diff;
mod out;
mod wanted;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::PathBuf;

use ampsync_schema::ExistingTable;
use ampsync_schema::migration::{Layout, Migration};

use crate::failure::Failure;
use crate::run::Exit;
use crate::settings::SchemaSettings;
use wanted::Wanted;

/// What of the tables is wanted, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// Only what the database lacks.
    pub(crate) diff: bool,
    /// The columns as the server has them, whatever the manifest says.
    pub(crate) ask_server: bool,
    /// As a migration, instead of on stdout.
    pub(crate) out: Option<Out>,
}

/// Where a migration goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Out {
    pub(crate) folder: PathBuf,
    pub(crate) layout: Layout,
    /// Its name, unless it is called after the dataset.
    pub(crate) name: Option<String>,
}

/// Prints or writes what is wanted.
pub(crate) async fn schema(settings: SchemaSettings, request: Request) -> Exit {
    match run(&settings, &request).await {
        Ok(()) => Exit::Clean,
        Err(failure) => failure.tell(),
    }
}

async fn run(settings: &SchemaSettings, request: &Request) -> Result<(), Failure> {
    let tables = wanted::tables(settings, request.ask_server).await?;
    let existing = match &settings.database {
        Some(database) => diff::existing(database, &tables).await?,
        None => tables.iter().map(|_| None).collect(),
    };
    match &request.out {
        Some(out) => {
            let tables: Vec<_> = tables.iter().map(|wanted| &wanted.table).collect();
            if request.diff {
                diff::warn(&tables, &existing);
            }
            let existing = existing.iter().map(Option::as_ref);
            let migration = Migration::new(tables.iter().copied().zip(existing));
            let dataset = settings.dataset.dataset.name().as_str();
            out::write(out, dataset, &migration, request.diff)
        }
        None => print(settings, &tables, &existing),
    }
}

/// Prints the statements, with what they are about.
fn print(
    settings: &SchemaSettings,
    tables: &[Wanted],
    existing: &[Option<ExistingTable>],
) -> Result<(), Failure> {
    let mut text = String::new();
    let mut told = BTreeSet::new();
    for (wanted, existing) in tables.iter().zip(existing) {
        let Wanted { stream, table, source } = wanted;
        let script = match existing {
            Some(existing) => diff::script(table, existing),
            None => {
                let mut migration = Migration::new([(table, None)]);
                // The schema of several tables is created before the first of them.
                migration.up.retain(|statement| told.insert(statement.clone()));
                migration.up_script()
            }
        };
        if !script.is_empty() {
            let (dataset, separator) =
                (&settings.dataset.dataset, if text.is_empty() { "" } else { "\n" });
            text.push_str(&format!(
                "{separator}-- {stream} of {dataset}, columns {source}\n{script}"
            ));
        }
    }
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(Failure::printing)
}
