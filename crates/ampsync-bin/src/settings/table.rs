//! Every setting there is. `--help` and the documentation are made of this table.

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use ampsync_manifest::{DatasetRef, TableName};
use ampsync_schema::Ident;
use nozzle_client::Secret;
use sink_postgres::{Conninfo, NulPolicy, RangePolicy, SslMode};
use sync_core::BeyondRetention;

use super::QueryMode;
use super::listen;
use super::parse;
use super::spec::{Group, Setting, Spec};
use crate::logging::{LogFormat, Progress};
use crate::revision::OnRevisionChange;

macro_rules! settings {
    ($($(#[doc = $doc:literal])+ $name:ident: $type:ty = $parse:expr, { $($key:ident: $value:expr),+ $(,)? })+) => {
        $(
            $(#[doc = $doc])+
            pub(crate) const $name: Setting<$type> = Setting {
                spec: &Spec {
                    name: stringify!($name),
                    doc: &[$($doc),+],
                    $($key: $value,)+
                    ..Spec::PLAIN
                },
                parse: $parse,
            };
        )+

        /// All settings, in the order in which they are listed.
        pub(crate) const ALL: &[&Spec] = &[$($name.spec),+];
    };
}

settings! {
    /// Config or built manifest of the dataset: its tables are synced. TypeScript, JavaScript or JSON.
    DATASET_MANIFEST: PathBuf = parse::path, {
        group: Group::Dataset, common: true, value: "PATH", example: "./nozzle.config.json",
    }
    /// The dataset on the server: namespace/name@revision, name@revision or name. Taken from the
    /// manifest where that names itself; with TABLES, no manifest is needed.
    DATASET: DatasetRef = parse::dataset, {
        group: Group::Dataset, common: true, value: "REFERENCE", example: "my_org/eth@1.0.0",
    }
    /// Which tables to sync, separated by commas; all of the manifest's unless set, or all that the
    /// Admin API lists.
    TABLES: Vec<TableName> = parse::tables, {
        group: Group::Dataset, common: true, value: "NAMES", example: "blocks,logs",
    }
    /// What is streamed of a table: the table as the server has built it, or the manifest's own sql.
    QUERY_MODE: QueryMode = parse::query_mode, {
        group: Group::Dataset, value: "table|sql", default: Some("table"), example: "sql",
    }
    /// The Arrow Flight address of the Nozzle (Amp) server; https uses TLS.
    NOZZLE_ENDPOINT: String = parse::endpoint, {
        group: Group::Dataset, common: true, value: "URL", aliases: &["AMP_FLIGHT_ADDR"],
        default: Some("http://localhost:1602"), example: "http://localhost:1602",
    }
    /// The Admin API of the same server. It says which manifest DATASET names, to which the streams
    /// are then pinned, and lists the tables where nothing else does.
    NOZZLE_ADMIN_ENDPOINT: String = parse::admin_endpoint, {
        group: Group::Dataset, value: "URL", aliases: &["AMP_ADMIN_API_ADDR"],
        example: "http://localhost:1610",
    }
    /// The bearer token the server, or a gateway before it, asks for.
    NOZZLE_AUTH_TOKEN: Secret = parse::token, {
        group: Group::Dataset, common: true, value: "TOKEN", aliases: &["AMP_AUTH_TOKEN"], example: "eyJhbGciOi...",
        secret: true, file: true,
    }
    /// The authority that vouches for the server's certificate with https, as PEM, instead of the
    /// system's; mostly as NOZZLE_CA_FILE.
    NOZZLE_CA: String = parse::certificates, {
        group: Group::Dataset, value: "PEM", example: "-----BEGIN CERTIFICATE-----...", secret: true, file: true,
    }
    /// The largest message taken from the server, in MiB: 1 to 512.
    NOZZLE_DECODE_LIMIT_MIB: u16 = parse::decode_limit_mib, {
        group: Group::Dataset, value: "MIB", default: Some("32"), example: "64",
    }
    /// How often the server is asked where the chain's head is, in seconds, while a table is behind;
    /// off: never. Without it neither lag nor the time that is left is known.
    HEAD_PROBE: Option<Duration> = parse::off_or_seconds, {
        group: Group::Dataset, value: "off|SECONDS", default: Some("10"), example: "10",
    }
    /// How often, in seconds, the files of the settings are compared with what was read, besides
    /// being watched; off: only SIGHUP makes them be read again.
    WATCH_FILES: Option<Duration> = parse::off_or_seconds, {
        group: Group::Dataset, value: "off|SECONDS", default: Some("10"), example: "10",
    }
    /// How often the Admin API is asked, in seconds, whether DATASET names another manifest; off: at
    /// the start only.
    DATASET_POLL_INTERVAL: Option<Duration> = parse::off_or_seconds, {
        group: Group::Dataset, value: "off|SECONDS", default: Some("off"), example: "60",
    }
    /// The database to write to: a URL as libpq takes it, or its name=value pairs. Special
    /// characters in the password are percent-encoded.
    DATABASE_URL: Conninfo = parse::database_url, {
        group: Group::Database, common: true, value: "URL", secret: true, file: true,
        example: "postgres://user:password@localhost:5432/app",
    }
    /// Instead of DATABASE_URL: the host, or the folder of a Unix socket; several with commas.
    DATABASE_HOST: String = parse::text, {
        group: Group::Database, value: "HOST", example: "localhost",
    }
    /// The port, with DATABASE_HOST.
    DATABASE_PORT: u16 = parse::port, {
        group: Group::Database, value: "PORT", default: Some("5432"), example: "5432",
    }
    /// The database, with DATABASE_HOST.
    DATABASE_NAME: String = parse::text, {
        group: Group::Database, value: "NAME", example: "app",
    }
    /// The user, with DATABASE_HOST.
    DATABASE_USER: String = parse::text, {
        group: Group::Database, value: "USER", example: "ampsync",
    }
    /// The user's password, with DATABASE_HOST; where the server asks for none, it may be left out.
    DATABASE_PASSWORD: Secret = parse::secret, {
        group: Group::Database, value: "PASSWORD", example: "correct-horse", secret: true, file: true,
    }
    /// Whether the database is spoken to with TLS, and who it has to be, unless DATABASE_URL says so:
    /// disable, allow, prefer, require, verify-ca or verify-full, as with psql.
    PGSSLMODE: SslMode = parse::ssl_mode, {
        group: Group::Database, value: "MODE", default: Some("prefer"), example: "verify-full",
    }
    /// The authority that vouches for the database's certificate, a PEM file, or system; unless
    /// DATABASE_URL says so.
    PGSSLROOTCERT: String = parse::text, {
        group: Group::Database, value: "PATH", example: "/run/secrets/db-ca.pem",
    }
    /// The certificate that is shown to the database, a PEM file; unless DATABASE_URL says so.
    PGSSLCERT: String = parse::text, {
        group: Group::Database, value: "PATH", example: "/run/secrets/db-client.pem",
    }
    /// The key of that certificate, a PEM file that nobody else may read.
    PGSSLKEY: String = parse::text, {
        group: Group::Database, value: "PATH", example: "/run/secrets/db-client.key",
    }
    /// The PostgreSQL schema the tables are in, unless AMPSYNC_CONFIG says otherwise.
    DATABASE_SCHEMA: Ident = parse::schema_name, {
        group: Group::Tables, common: true, value: "NAME", default: Some("public"), example: "public",
    }
    /// What is asked of single tables, a TOML file: names, columns, a row filter, types, keys, indexes
    /// and comments.
    AMPSYNC_CONFIG: PathBuf = parse::options_path, {
        group: Group::Tables, common: true, value: "PATH", example: "./ampsync.toml",
    }
    /// What becomes of NUL characters in texts, which PostgreSQL cannot store: error stops the table,
    /// strip leaves them out.
    NUL_IN_TEXT: NulPolicy = parse::nul, {
        group: Group::Tables, value: "error|strip", default: Some("error"), example: "strip",
    }
    /// What becomes of values beyond the range of their column: error stops the table, null stores
    /// NULL instead.
    VALUES_OUT_OF_RANGE: RangePolicy = parse::out_of_range, {
        group: Group::Tables, value: "error|null", default: Some("error"), example: "null",
    }
    /// What becomes of a table whose query or dataset's revision changes, or that cannot hold what is
    /// planned: migrate fills the new rows into a table beside it, which then takes its place; refuse
    /// stops the table.
    ON_REVISION_CHANGE: OnRevisionChange = parse::on_revision_change, {
        group: Group::Tables, value: "migrate|refuse", default: Some("migrate"), example: "refuse",
    }
    /// A channel on which each commit is announced to those who LISTEN, in its own transaction.
    NOTIFY_CHANNEL: Ident = parse::channel, {
        group: Group::Database, value: "NAME", example: "ampsync",
    }
    /// The most connections to the database, at least 2.
    MAX_DB_CONNECTIONS: NonZeroUsize = parse::connections, {
        group: Group::Database, value: "COUNT", default: Some("10"), example: "10",
    }
    /// How many blocks back the hashes are kept that tell a reorg from a foreign chain; at least 64.
    RETENTION_BLOCKS: NonZeroU64 = parse::retention, {
        value: "BLOCKS", default: Some("10000"), example: "10000",
    }
    /// What to do about a reorg deeper than that: stop the table, or resync it from the first block.
    REORG_BEYOND_RETENTION: BeyondRetention = parse::beyond_retention, {
        value: "stop|resync", default: Some("stop"), example: "resync",
    }
    /// The fewest rows a transaction shrinks to when writing is slow.
    BATCH_ROWS_MIN: NonZeroUsize = parse::count, {
        value: "ROWS", default: Some("100"), example: "100",
    }
    /// The most rows a transaction grows to. Tables that catch up at the same time share them, down
    /// to 10000 each.
    BATCH_ROWS_MAX: NonZeroUsize = parse::count, {
        value: "ROWS", default: Some("50000"), example: "50000",
    }
    /// The most bytes of rows in a transaction.
    BATCH_BYTES_MAX: NonZeroUsize = parse::bytes, {
        value: "BYTES", default: Some("50MiB"), example: "50MiB",
    }
    /// How long a transaction should take, in milliseconds.
    BATCH_TARGET_MS: Duration = parse::milliseconds, {
        value: "MS", default: Some("1000"), example: "1000",
    }
    /// How many bytes of rows all tables together may hold in memory.
    MEMORY_LIMIT: NonZeroUsize = parse::bytes, {
        value: "BYTES", default: Some("256MiB"), example: "1GiB",
    }
    /// The wait before the first retry, in milliseconds; it doubles from there.
    RETRY_DELAY_MIN_MS: Duration = parse::milliseconds, {
        value: "MS", default: Some("50"), example: "50",
    }
    /// The longest wait between retries, in milliseconds.
    RETRY_DELAY_MAX_MS: Duration = parse::milliseconds, {
        value: "MS", default: Some("5000"), example: "5000",
    }
    /// How often one write is tried before the stream is opened anew.
    RETRY_ATTEMPTS: NonZeroU32 = parse::attempts, {
        value: "COUNT", default: Some("5"), example: "5",
    }
    /// How log lines are written: text for people, json for machines.
    LOG_FORMAT: LogFormat = parse::log_format, {
        group: Group::Logging, common: true, value: "text|json", default: Some("text"), example: "json",
    }
    /// Whether a catch-up shows progress bars: auto, where the log is text on a terminal, or off.
    PROGRESS: Progress = parse::progress, {
        group: Group::Logging, value: "auto|off", default: Some("auto"), example: "off",
    }
    /// What is logged: a level, or levels by module.
    RUST_LOG: String = parse::log_filter, {
        group: Group::Logging, value: "FILTER", default: Some("info"), example: "info,sync_core=debug",
    }
    /// The port of the HTTP server for health, metrics and the live page, on every address, or an
    /// address with its port. Nothing listens unless it is set.
    HEALTH_PORT: SocketAddr = listen::address, {
        group: Group::Logging, common: true, value: "PORT", example: "8080",
    }
}
