//! What every session of ours is like: the client's side of the connection and the server's
//! settings.

use std::time::Duration;

use deadpool_postgres::{ClientWrapper, HookError};
use tokio_postgres::Config;
use tokio_postgres::config::SslMode;

use crate::error::Error;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const KEEPALIVE_IDLE: Duration = Duration::from_secs(10);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_RETRIES: u32 = 3;
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(30);

/// tokio-postgres cannot tell this default from a wish.
const KEEPALIVE_IDLE_UNSET: Duration = Duration::from_secs(2 * 60 * 60);

/// Makes `config` a session of ours, as far as the user has not said otherwise in it.
pub(crate) fn configure(mut config: Config, synchronous_commit: bool) -> Result<Config, Error> {
    if config.get_ssl_mode() == SslMode::Require {
        return Err(Error::Settings("sslmode=require: TLS to the database is not supported yet"));
    }
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
    // The server takes the last of two options, so the user's own win.
    let durability = if synchronous_commit { "on" } else { "off" };
    let users = config.get_options().unwrap_or_default();
    let options = format!("-c synchronous_commit={durability} {SERVER_OPTIONS} {users}");
    config.options(options.trim_end());
    Ok(config)
}

/// A statement may take as long as it takes: what bounds our waits is on our side, or a lock
/// timeout. A session that lost its client must end soon, because it keeps locks.
const SERVER_OPTIONS: &str = "-c statement_timeout=0 \
    -c idle_in_transaction_session_timeout=30000 \
    -c tcp_keepalives_idle=10 \
    -c tcp_keepalives_interval=5 \
    -c tcp_keepalives_count=3 \
    -c tcp_user_timeout=30000 \
    -c timezone=UTC";

/// Settings that only newer servers have, or not on every platform.
const OPTIONAL_SETTINGS: &str = "\
    SELECT set_config(name, value, false) \
    FROM (VALUES ('client_connection_check_interval', '10s'), \
                 ('idle_session_timeout', '0'), \
                 ('transaction_timeout', '0')) AS wanted (name, value) \
    JOIN pg_catalog.pg_settings USING (name)";

/// Completes a new session. Runs once a connection, before anybody uses it.
pub(crate) async fn complete(client: &ClientWrapper) -> Result<(), HookError> {
    match client.batch_execute(OPTIONAL_SETTINGS).await {
        Ok(()) => Ok(()),
        Err(error) if error.as_db_error().is_some() => {
            tracing::debug!(%error, "the server refuses an optional session setting");
            Ok(())
        }
        Err(error) => Err(HookError::Backend(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_user_sets_wins() {
        let user: Config = "host=h application_name=mine connect_timeout=3 \
                            options='-c synchronous_commit=on'"
            .parse()
            .unwrap();
        let ours = configure(user, false).unwrap();
        assert_eq!(ours.get_application_name(), Some("mine"));
        assert_eq!(ours.get_connect_timeout(), Some(&Duration::from_secs(3)));
        let options = ours.get_options().unwrap();
        assert!(options.starts_with("-c synchronous_commit=off "), "{options}");
        assert!(options.ends_with(" -c synchronous_commit=on"), "{options}");
    }

    #[test]
    fn tls_that_is_required_is_never_left_out() {
        let user: Config = "host=h sslmode=require".parse().unwrap();
        assert!(matches!(configure(user, false), Err(Error::Settings(_))));
    }
}
