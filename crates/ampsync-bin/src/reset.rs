//! The verb `reset`: lets tables begin anew.

use std::io::Write as _;

use ampsync_schema::QualifiedName;
use sink_postgres::{ResetRows, RevisionKind, TableStatus};

use crate::failure::Failure;
use crate::named::{self, plain};
use crate::run::Exit;
use crate::settings::StoredSettings;
use crate::status::text::{block, size};
use crate::{database, terminal};

/// Which tables are to begin anew, and what becomes of their rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) tables: Vec<String>,
    pub(crate) rows: ResetRows,
    /// Nobody is to be asked.
    pub(crate) yes: bool,
}

/// Resets the tables, if that is what is wanted.
pub(crate) async fn reset(settings: StoredSettings, request: Request) -> Exit {
    match run(&settings, &request).await {
        Ok(()) => Exit::Clean,
        Err(failure) => failure.tell(),
    }
}

async fn run(settings: &StoredSettings, request: &Request) -> Result<(), Failure> {
    let database = database::open(&settings.database).await?;
    let (all, names) = named::stored(&database, &settings.schema, &request.tables).await?;
    let of = |name: &QualifiedName| all.iter().find(|status| status.table == *name).cloned();
    let tables: Vec<_> = names.iter().filter_map(of).collect();
    if !request.yes {
        ask(settings, &tables, request.rows)?;
    }
    let done = database.reset(&names, request.rows).await;
    done.map_err(Failure::or_refusal("the tables cannot be reset"))?;
    let mut stdout = std::io::stdout().lock();
    for (name, status) in names.iter().zip(&tables) {
        if status.kind != RevisionKind::Current {
            let what = status.kind.as_str();
            writeln!(stdout, "{} ({what}) is forgotten", plain(name)).map_err(Failure::printing)?;
            continue;
        }
        let done = match request.rows {
            ResetRows::Delete => "is empty: the next start streams it from the first block",
            ResetRows::DropTable => "is dropped: the next start creates it and streams it anew",
            ResetRows::Keep => {
                "is forgotten, with its rows as they are: rename it before the next start"
            }
        };
        writeln!(stdout, "{} {done}", plain(name)).map_err(Failure::printing)?;
    }
    Ok(())
}

/// Asks whether what will be lost may be lost.
fn ask(settings: &StoredSettings, tables: &[TableStatus], rows: ResetRows) -> Result<(), Failure> {
    let lost = match rows {
        ResetRows::Delete => "All rows of these tables are deleted, and they are streamed anew",
        ResetRows::DropTable => "These tables are dropped with all their rows, and streamed anew",
        ResetRows::Keep => "How far these tables are is forgotten; their rows stay",
    };
    terminal::confirm(|| {
        eprintln!("{lost}, in the database {}:\n", settings.database.label());
        for status in tables {
            let (name, size, block) = (plain(&status.table), size(status), block(status));
            eprintln!("  {name}: {size}, {block} of {}", status.dataset);
        }
    })
}
