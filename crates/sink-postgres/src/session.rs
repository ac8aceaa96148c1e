//! What every session of ours is like: the client's side of the connection and the server's
//! settings.

use std::time::Duration;

use tokio_postgres::Config;

use crate::connect::Client;
use crate::error::Error;

pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const KEEPALIVE_IDLE: Duration = Duration::from_secs(10);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_RETRIES: u32 = 3;
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(30);

/// tokio-postgres cannot tell this default from a wish.
const KEEPALIVE_IDLE_UNSET: Duration = Duration::from_secs(2 * 60 * 60);

/// Makes `config` a session of ours, as far as the user has not said otherwise in it.
pub(crate) fn configure(mut config: Config) -> Config {
    if config.get_application_name().is_none() {
        config.application_name("ampsync");
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_TIMEOUT);
    }
    if config.get_keepalives_idle() == KEEPALIVE_IDLE_UNSET {
        config.keepalives_idle(KEEPALIVE_IDLE);
    }
    if config.get_keepalives_interval().is_none() {
        config.keepalives_interval(KEEPALIVE_INTERVAL);
    }
    if config.get_keepalives_retries().is_none() {
        config.keepalives_retries(KEEPALIVE_RETRIES);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(TCP_USER_TIMEOUT);
    }
    config
}

/// A statement may take as long as it takes: what bounds our waits is on our side, or a lock
/// timeout. A session that lost its client must end soon, because it keeps locks. Compiling a
/// statement would take longer than any of ours, and only in large tables.
const SETTINGS: &[(&str, &str)] = &[
    ("statement_timeout", "0"),
    ("idle_in_transaction_session_timeout", "30000"),
    ("tcp_keepalives_idle", "10"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "3"),
    ("tcp_user_timeout", "30000"),
    ("timezone", "UTC"),
    ("jit", "off"),
];

/// Settings that only newer servers have, or not on every platform.
const OPTIONAL_SETTINGS: &[(&str, &str)] = &[
    ("client_connection_check_interval", "10s"),
    ("idle_session_timeout", "0"),
    ("transaction_timeout", "0"),
];

/// Completes a new session. Runs once a connection, before anybody uses it.
///
/// Not by startup options: a pooler refuses them.
pub(crate) async fn complete(client: &Client, synchronous_commit: bool) -> Result<(), Error> {
    const DOING: &str = "set up the session";
    let durability = [("synchronous_commit", if synchronous_commit { "on" } else { "off" })];
    let settings = set(durability.iter().chain(SETTINGS));
    client.batch_execute(&settings).await.map_err(Error::server(DOING))?;
    match client.batch_execute(&set(OPTIONAL_SETTINGS.iter())).await {
        Ok(()) => Ok(()),
        Err(error) if error.as_db_error().is_some() => {
            tracing::debug!(%error, "the server refuses an optional session setting");
            Ok(())
        }
        Err(error) => Err(Error::server(DOING)(error)),
    }
}

/// Sets what the server knows, and the user has not set by the startup option `options`.
fn set<'a>(settings: impl Iterator<Item = &'a (&'a str, &'a str)>) -> String {
    let values: Vec<_> = settings.map(|(name, value)| format!("('{name}', '{value}')")).collect();
    format!(
        "SELECT pg_catalog.set_config(wanted.name, wanted.value, false) \
         FROM (VALUES {}) AS wanted (name, value) \
         JOIN pg_catalog.pg_settings AS s ON lower(s.name) = wanted.name \
         WHERE s.source <> 'client'",
        values.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_user_sets_wins() {
        let user: Config =
            "host=h application_name=mine connect_timeout=3 keepalives_idle=7".parse().unwrap();
        let ours = configure(user);
        assert_eq!(ours.get_application_name(), Some("mine"));
        assert_eq!(ours.get_connect_timeout(), Some(&Duration::from_secs(3)));
        assert_eq!(ours.get_keepalives_idle(), Duration::from_secs(7));
        assert_eq!(ours.get_tcp_user_timeout(), Some(&TCP_USER_TIMEOUT));
    }
}
