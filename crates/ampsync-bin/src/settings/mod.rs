//! The configuration, in two stages: what was [given](Given), then what the program means by it,
//! [`Settings`]. All mistakes on the way are reported together.

mod database;
mod dataset;
mod given;
mod lasting;
mod listen;
mod mistake;
mod parse;
mod spec;
mod table;
mod tables;
#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use ampsync_schema::Ident;
use nozzle_client::Secret;
use sync_core::EngineConfig;

pub(crate) use database::DatabaseSettings;
pub(crate) use dataset::{DatasetSettings, QueryMode, Streams};
pub(crate) use given::{Given, example};
pub(crate) use lasting::Lasting;
#[cfg(test)]
pub(crate) use lasting::is_reloaded;
pub(crate) use mistake::{Mistake, Mistakes};
pub(crate) use parse::schema_name;
#[cfg(test)]
pub(crate) use spec::Variable;
pub(crate) use spec::{Group, Spec, flag};
pub(crate) use table::{ALL, DATABASE_SCHEMA, HEALTH_PORT, NOZZLE_ADMIN_ENDPOINT, NOZZLE_ENDPOINT};
pub(crate) use tables::TablesSettings;

use crate::logging::LogSettings;
use crate::revision::OnRevisionChange;
use given::Reader;

/// What the program does, with every value checked.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) dataset: DatasetSettings,
    pub(crate) tables: TablesSettings,
    pub(crate) server: ServerSettings,
    pub(crate) database: DatabaseSettings,
    pub(crate) engine: EngineConfig,
    pub(crate) reload: ReloadSettings,
    /// Where the HTTP server listens, if there is to be one.
    pub(crate) health: Option<SocketAddr>,
    pub(crate) log: LogSettings,
}

/// When the settings are read again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReloadSettings {
    /// How often the files are looked at, if they are watched.
    pub(crate) watch: Option<Duration>,
    /// How often it is asked what the dataset's tag names, if it is.
    pub(crate) poll: Option<Duration>,
    /// What is done about a table whose stored rows are of another revision.
    pub(crate) on_change: OnRevisionChange,
}

/// What is needed to say what the tables look like.
#[derive(Clone, Debug)]
pub(crate) struct SchemaSettings {
    pub(crate) dataset: DatasetSettings,
    pub(crate) tables: TablesSettings,
    pub(crate) server: ServerSettings,
    /// Only where it was asked for.
    pub(crate) database: Option<DatabaseSettings>,
    pub(crate) log: LogSettings,
}

/// Reads the text of a file.
pub(crate) type ReadFile<'a> = &'a dyn Fn(&Path) -> io::Result<String>;

/// The server the rows come from.
#[derive(Clone, Debug)]
pub(crate) struct ServerSettings {
    pub(crate) endpoint: String,
    /// Where its Admin API is, if that may be asked.
    pub(crate) admin_endpoint: Option<String>,
    pub(crate) token: Option<Secret>,
    /// The authorities that vouch for it, as PEM, instead of the system's.
    pub(crate) ca_certificates: Option<String>,
    pub(crate) decode_limit_mib: u16,
    /// How often it is asked where the head is, if it is.
    pub(crate) head_probe: Option<Duration>,
}

/// The same, part by part: what is right can be tried out though something else is wrong.
#[derive(Debug)]
pub(crate) struct Parts {
    /// What is streamed into which tables, if there is no mistake in any of it.
    pub(crate) streams: Option<(DatasetSettings, TablesSettings)>,
    pub(crate) server: Option<ServerSettings>,
    pub(crate) database: Option<DatabaseSettings>,
    pub(crate) log: Option<LogSettings>,
    engine: Option<EngineConfig>,
    pub(crate) reload: Option<ReloadSettings>,
    health: Option<SocketAddr>,
    pub(crate) mistakes: Mistakes,
}

impl Parts {
    /// Reads and checks everything that was given; files are read by `read_file`.
    pub(crate) fn read(given: &Given, read_file: ReadFile<'_>) -> Self {
        let mut reader = Reader::new(given, read_file);
        let reader = &mut reader;
        let dataset = dataset::read(reader, read_file);
        let known = reader.mistakes_so_far() == 0;
        let server = server(reader);
        let database = database::read(reader);
        let before = reader.mistakes_so_far();
        let tables = tables::read(reader, read_file, dataset.as_ref());
        let fit = reader.mistakes_so_far() == before;
        let engine = engine(reader);
        let reload = reload(reader);
        let health = reader.get(&HEALTH_PORT);
        let log = log(reader);
        let streams = dataset.zip(tables).filter(|_| known && fit);
        let mistakes = Mistakes(reader.take_mistakes());
        Self { streams, server, database, log, engine, reload, health, mistakes }
    }
}

impl Settings {
    /// Reads and checks everything that was given; files are read by `read_file`.
    ///
    /// # Errors
    /// All mistakes, by variable.
    pub(crate) fn read(given: &Given, read_file: ReadFile<'_>) -> Result<Self, Mistakes> {
        let Parts { streams, server, database, log, engine, reload, health, mistakes } =
            Parts::read(given, read_file);
        // Whoever gives no value has said why; the second pattern only tells the compiler.
        match (mistakes.0.is_empty(), streams, server, database, log, engine.zip(reload)) {
            (
                true,
                Some((dataset, tables)),
                Some(server),
                Some(database),
                Some(log),
                Some((engine, reload)),
            ) => Ok(Self { dataset, tables, server, database, engine, reload, health, log }),
            _ => Err(mistakes),
        }
    }
}

/// What is needed to look at what is stored.
#[derive(Clone, Debug)]
pub(crate) struct StoredSettings {
    pub(crate) database: DatabaseSettings,
    /// The schema that tables are in whose name says nothing else.
    pub(crate) schema: Ident,
    pub(crate) log: LogSettings,
}

impl StoredSettings {
    /// Reads and checks what was given of these settings.
    ///
    /// # Errors
    /// All mistakes, by variable.
    pub(crate) fn read(given: &Given, read_file: ReadFile<'_>) -> Result<Self, Mistakes> {
        collect(given, read_file, |reader| {
            let database = database::read(reader);
            let schema = reader.get(&DATABASE_SCHEMA);
            let log = log(reader);
            Some(Self { database: database?, schema: schema?, log: log? })
        })
    }
}

/// Where the HTTP server listens, if there is one.
///
/// # Errors
/// When that cannot be read.
pub(crate) fn health_address(
    given: &Given,
    read_file: ReadFile<'_>,
) -> Result<Option<SocketAddr>, Mistakes> {
    collect(given, read_file, |reader| Some(reader.get(&HEALTH_PORT)))
}

impl SchemaSettings {
    /// Reads and checks what was given of these settings, of those of the database only
    /// `with_database`.
    ///
    /// # Errors
    /// All mistakes, by variable.
    pub(crate) fn read(
        given: &Given,
        read_file: ReadFile<'_>,
        with_database: bool,
    ) -> Result<Self, Mistakes> {
        collect(given, read_file, |reader| {
            let dataset = dataset::read(reader, read_file);
            let server = server(reader);
            let database = with_database.then(|| database::read(reader));
            let tables = tables::read(reader, read_file, dataset.as_ref());
            let log = log(reader);
            Some(Self {
                dataset: dataset?,
                tables: tables?,
                server: server?,
                database: match database {
                    Some(database) => Some(database?),
                    None => None,
                },
                log: log?,
            })
        })
    }
}

fn collect<T>(
    given: &Given,
    read_file: ReadFile<'_>,
    read: impl FnOnce(&mut Reader<'_>) -> Option<T>,
) -> Result<T, Mistakes> {
    let mut reader = Reader::new(given, read_file);
    let settings = read(&mut reader);
    let mistakes = reader.take_mistakes();
    // Whoever gives no value has said why; the second pattern only tells the compiler.
    match settings {
        Some(settings) if mistakes.is_empty() => Ok(settings),
        Some(_) | None => Err(Mistakes(mistakes)),
    }
}

fn server(reader: &mut Reader<'_>) -> Option<ServerSettings> {
    let endpoint = reader.get(&NOZZLE_ENDPOINT);
    let admin_endpoint = reader.get(&NOZZLE_ADMIN_ENDPOINT);
    let token = reader.get(&table::NOZZLE_AUTH_TOKEN);
    let ca_certificates = reader.get(&table::NOZZLE_CA);
    let decode_limit_mib = reader.get(&table::NOZZLE_DECODE_LIMIT_MIB);
    let head_probe = reader.get(&table::HEAD_PROBE);
    Some(ServerSettings {
        endpoint: endpoint?,
        admin_endpoint,
        token,
        ca_certificates,
        decode_limit_mib: decode_limit_mib?,
        head_probe: head_probe?,
    })
}

fn reload(reader: &mut Reader<'_>) -> Option<ReloadSettings> {
    let watch = reader.get(&table::WATCH_FILES);
    let poll = reader.get(&table::DATASET_POLL_INTERVAL);
    let on_change = reader.get(&table::ON_REVISION_CHANGE);
    Some(ReloadSettings { watch: watch?, poll: poll?, on_change: on_change? })
}

fn engine(reader: &mut Reader<'_>) -> Option<EngineConfig> {
    let retention_blocks = reader.get(&table::RETENTION_BLOCKS);
    let beyond_retention = reader.get(&table::REORG_BEYOND_RETENTION);
    let memory_limit_bytes = reader.get(&table::MEMORY_LIMIT);
    let rows = (reader.get(&table::BATCH_ROWS_MIN), reader.get(&table::BATCH_ROWS_MAX));
    let bytes_max = reader.get(&table::BATCH_BYTES_MAX);
    let target = reader.get(&table::BATCH_TARGET_MS);
    let delays = (reader.get(&table::RETRY_DELAY_MIN_MS), reader.get(&table::RETRY_DELAY_MAX_MS));
    let attempts = reader.get(&table::RETRY_ATTEMPTS);
    ordered(reader, &rows, table::BATCH_ROWS_MIN.spec, table::BATCH_ROWS_MAX.spec);
    ordered(reader, &delays, table::RETRY_DELAY_MIN_MS.spec, table::RETRY_DELAY_MAX_MS.spec);
    let mut config = EngineConfig::default();
    (config.batch.rows_min, config.batch.rows_max) = (rows.0?, rows.1?);
    config.batch.bytes_max = bytes_max?;
    config.batch.target = target?;
    (config.retry.delay_min, config.retry.delay_max) = (delays.0?, delays.1?);
    config.retry.attempts = attempts?;
    config.retention_blocks = retention_blocks?;
    config.beyond_retention = beyond_retention?;
    config.memory_limit_bytes = memory_limit_bytes?;
    Some(config)
}

/// Reports a lower bound above its upper one.
fn ordered<T: PartialOrd>(
    reader: &mut Reader<'_>,
    (min, max): &(Option<T>, Option<T>),
    min_spec: &Spec,
    max_spec: &Spec,
) {
    if let (Some(min), Some(max)) = (min, max)
        && min > max
    {
        let subject = format!("{}, {}", min_spec.name, max_spec.name);
        let remedy =
            format!("the default of {} is {}", max_spec.name, max_spec.default.unwrap_or("none"));
        reader.mistake(subject, "the lower bound is above the upper one", remedy);
    }
}

fn log(reader: &mut Reader<'_>) -> Option<LogSettings> {
    let format = reader.get(&table::LOG_FORMAT);
    let progress = reader.get(&table::PROGRESS);
    let filter = reader.get(&table::RUST_LOG);
    let color = !reader.is_in_environment("NO_COLOR");
    Some(LogSettings { format: format?, progress: progress?, color, filter: filter? })
}

/// The one of `names` that `wanted` was probably meant to be.
pub(crate) fn nearest<'a>(wanted: &str, names: Vec<&'a str>) -> Option<&'a str> {
    let distance = |name: &&str| strsim::osa_distance(&wanted.to_lowercase(), &name.to_lowercase());
    names.into_iter().min_by_key(distance).filter(|name| distance(name) <= 1 + wanted.len() / 8)
}
