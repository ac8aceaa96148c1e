//! The database the rows go to: one URL, or its parts.

use std::num::NonZeroUsize;
use std::str::FromStr;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use super::given::Reader;
use super::spec::Spec;
use super::table;

/// The database the tables are in.
#[derive(Clone, Debug)]
pub(crate) struct DatabaseSettings {
    pub(crate) config: Config,
    pub(crate) connections_max: NonZeroUsize,
    /// The variable that says which database, for messages.
    pub(crate) variable: &'static str,
}

impl DatabaseSettings {
    /// Which database it is, for people: host, port and name, and no secrets.
    pub(crate) fn label(&self) -> String {
        let host = match (self.config.get_hosts().first(), self.config.get_hostaddrs().first()) {
            (Some(Host::Tcp(host)), _) => host.clone(),
            #[cfg(unix)]
            (Some(Host::Unix(folder)), _) => folder.display().to_string(),
            (None, Some(address)) => address.to_string(),
            (None, None) => "?".to_owned(),
        };
        let port = self.config.get_ports().first().unwrap_or(&5432);
        let name = self.config.get_dbname().or(self.config.get_user()).unwrap_or("?");
        format!("{host}:{port}/{name}")
    }
}

const PARTS: [&Spec; 5] = [
    table::DATABASE_HOST.spec,
    table::DATABASE_PORT.spec,
    table::DATABASE_NAME.spec,
    table::DATABASE_USER.spec,
    table::DATABASE_PASSWORD.spec,
];

pub(super) fn read(reader: &mut Reader<'_>) -> Option<DatabaseSettings> {
    let parts: Vec<&str> =
        PARTS.into_iter().filter(|spec| reader.is_given(spec)).map(|spec| spec.name).collect();
    let config = if reader.is_given(table::DATABASE_URL.spec) {
        if !parts.is_empty() {
            let subject = format!("DATABASE_URL, {}", parts.join(", "));
            let remedy = "set DATABASE_URL alone, or DATABASE_HOST and what belongs to it";
            reader.mistake(subject, "the database is given twice", remedy);
        }
        reader.get(&table::DATABASE_URL)
    } else if parts.is_empty() {
        let spec = table::DATABASE_URL.spec;
        reader.missing(spec, "not set: expected the database to write to, here or in DATABASE_HOST, DATABASE_NAME, DATABASE_USER and DATABASE_PASSWORD");
        None
    } else {
        from_parts(reader)
    };
    let variable = if parts.is_empty() { "DATABASE_URL" } else { "DATABASE_HOST" };
    let connections_max = reader.get(&table::MAX_DB_CONNECTIONS);
    let mut config = config?;
    // There is no TLS yet; whoever asks for it has been refused.
    config.ssl_mode(SslMode::Disable);
    Some(DatabaseSettings { config, connections_max: connections_max?, variable })
}

fn from_parts(reader: &mut Reader<'_>) -> Option<Config> {
    for setting in [&table::DATABASE_HOST, &table::DATABASE_NAME, &table::DATABASE_USER] {
        if !reader.is_given(setting.spec) {
            reader.missing(
                setting.spec,
                "not set: expected it beside the other parts of the database",
            );
        }
    }
    let host = reader.get(&table::DATABASE_HOST);
    let port = reader.get(&table::DATABASE_PORT);
    let name = reader.get(&table::DATABASE_NAME);
    let user = reader.get(&table::DATABASE_USER);
    let password = reader.get(&table::DATABASE_PASSWORD);
    let mut config = Config::new();
    config.host(host?).port(port?).dbname(name?).user(user?);
    if let Some(password) = password {
        config.password(password.reveal());
    }
    Some(config)
}

/// Reads a URL. The error must not repeat any of it: whatever is wrong, a part of the password
/// may be where it is not expected.
pub(super) fn parse_url(text: &str) -> Result<Config, &'static str> {
    let rest = ["postgres://", "postgresql://"].iter().find_map(|scheme| text.strip_prefix(scheme));
    let rest = rest.ok_or("a URL that starts with postgres:// or postgresql://")?;
    if rest.matches('@').count() > 1 {
        return Err("a URL with one @; in a password it is written %40");
    }
    if let Some((_, options)) = rest.split_once('?') {
        for option in options.split('&') {
            match option.split_once('=') {
                Some(("sslmode", "disable" | "prefer")) => {}
                Some(("sslmode", _)) => return Err(NO_TLS),
                _ => {}
            }
        }
    }
    let config = Config::from_str(text)
        .map_err(|_| "postgres://USER:PASSWORD@HOST:PORT/DATABASE, special characters of the password percent-encoded (/ is %2F, : is %3A, # is %23), and only options that PostgreSQL's URLs have")?;
    if config.get_ssl_mode() == SslMode::Require {
        return Err(NO_TLS);
    }
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        return Err("a URL that names a host");
    }
    if config.get_user().is_none() {
        return Err("a URL that names a user");
    }
    if config.get_dbname().is_none() {
        return Err("a URL that names a database, after the host");
    }
    Ok(config)
}

const NO_TLS: &str = "a URL without sslmode, or with sslmode=disable or prefer: TLS to PostgreSQL is not supported by this build yet, and it will not quietly do without";
