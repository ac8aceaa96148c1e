//! The verb `rollback`: puts the revision of a table that was replaced last in its place again.

use std::io::Write as _;

use ampsync_schema::QualifiedName;
use sink_postgres::{Database, Error, Exchanged, TableStatus};

use crate::failure::Failure;
use crate::named::{self, plain};
use crate::run::Exit;
use crate::settings::StoredSettings;
use crate::status::text::{block, size};
use crate::{database, terminal};

/// Which table is to be as it was before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) table: String,
    /// Nobody is to be asked.
    pub(crate) yes: bool,
}

/// How often a lock of somebody else is waited for, a second each time.
const ATTEMPTS: usize = 30;

/// Rolls the table back, if that is what is wanted.
pub(crate) async fn rollback(settings: StoredSettings, request: Request) -> Exit {
    match run(&settings, &request).await {
        Ok(()) => Exit::Clean,
        Err(failure) => failure.tell(),
    }
}

async fn run(settings: &StoredSettings, request: &Request) -> Result<(), Failure> {
    let database = database::open(&settings.database).await?;
    let named = std::slice::from_ref(&request.table);
    let (all, names) = named::stored(&database, &settings.schema, named).await?;
    let Some(table) = names.first() else { return Ok(()) };
    let revisions = database.revisions(table).await;
    let revisions = revisions.map_err(Failure::or_refusal("the table cannot be looked at"))?;
    let Some(kept) = revisions.kept.first() else {
        return Err(Failure::Refused {
            error: format!("no other revision of table {} is kept", plain(table)),
            remedy: None,
        });
    };
    let of = |name: &QualifiedName| all.iter().find(|status| status.table == *name);
    if !request.yes {
        ask(settings, of(table), of(&kept.table))?;
    }
    let done = exchange(&database, table).await;
    let done = done.map_err(Failure::or_refusal("the table cannot be rolled back"))?;
    let (table, now, query) = (plain(table), plain(&done.kept), &kept.query);
    let line = format!("{table} has the rows of {query} again; those of before are in {now}");
    writeln!(std::io::stdout().lock(), "{line}").map_err(Failure::printing)
}

/// Tries again while somebody reads the table.
async fn exchange(database: &Database, table: &QualifiedName) -> Result<Exchanged, Error> {
    for _ in 1..ATTEMPTS {
        match database.roll_back(table).await {
            // The wait for the lock was the pause.
            Err(Error::Locked { .. }) => {}
            answer => return answer,
        }
    }
    database.roll_back(table).await
}

/// Asks whether readers may see the other rows.
fn ask(
    settings: &StoredSettings,
    current: Option<&TableStatus>,
    kept: Option<&TableStatus>,
) -> Result<(), Failure> {
    terminal::confirm(|| {
        eprintln!(
            "The second of these tables takes the place of the first, in the database {}:\n",
            settings.database.label()
        );
        for status in [current, kept].into_iter().flatten() {
            let (name, size, block) = (plain(&status.table), size(status), block(status));
            eprintln!("  {name}: {size}, {block} of {}, {}", status.dataset, status.query);
        }
    })
}
