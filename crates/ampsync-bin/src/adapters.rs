//! The ends that rows come from and go to, which connect when they are first used.

use nozzle_client::SqlClient;
use nozzle_client::admin::AdminClient;
use sink_postgres::{Database, DatabaseOptions};
use sync_core::Causes;

use crate::database;
use crate::settings::{DatabaseSettings, Mistake, ServerSettings};

/// The client for streams.
pub(crate) fn sql_client(server: &ServerSettings) -> Result<SqlClient, Mistake> {
    let builder = SqlClient::builder(&server.endpoint).decode_limit_mib(server.decode_limit_mib);
    let builder = match &server.token {
        Some(token) => builder.bearer_token(token.clone()),
        None => builder,
    };
    let builder = match &server.ca_certificates {
        Some(pem) => builder.ca_certificate(pem.as_str()),
        None => builder,
    };
    builder.build().map_err(|error| Mistake {
        subject: "NOZZLE_ENDPOINT".to_owned(),
        problem: Causes(&error).to_string(),
        remedy: "example: NOZZLE_ENDPOINT=http://localhost:1602".to_owned(),
    })
}

/// The client for the Admin API, where there is one.
pub(crate) fn admin_client(server: &ServerSettings) -> Result<Option<AdminClient>, Mistake> {
    let Some(endpoint) = &server.admin_endpoint else { return Ok(None) };
    let builder = AdminClient::builder(endpoint);
    let builder = match &server.token {
        Some(token) => builder.bearer_token(token.clone()),
        None => builder,
    };
    let builder = match &server.ca_certificates {
        Some(pem) => builder.ca_certificate(pem.as_str()),
        None => builder,
    };
    builder.build().map(Some).map_err(|error| Mistake {
        subject: "NOZZLE_ADMIN_ENDPOINT".to_owned(),
        problem: Causes(&error).to_string(),
        remedy: "example: NOZZLE_ADMIN_ENDPOINT=http://localhost:1610".to_owned(),
    })
}

/// The database.
pub(crate) fn database(settings: &DatabaseSettings) -> Result<Database, Mistake> {
    let options =
        DatabaseOptions { max_connections: settings.connections_max, ..DatabaseOptions::default() };
    Database::connect(settings.config.clone(), &options)
        .map_err(|error| database::mistake(&error, settings))
}
