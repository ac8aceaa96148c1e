//! The ends that rows come from and go to, which connect when they are first used.

use std::error::Error;

use nozzle_client::SqlClient;
use nozzle_client::admin::AdminClient;
use sink_postgres::{Database, DatabaseOptions};
use sync_core::Causes;

use crate::database;
use crate::settings::{
    DatabaseSettings, Mistake, NOZZLE_ADMIN_ENDPOINT, NOZZLE_ENDPOINT, ServerSettings, Spec,
    example,
};

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
    builder.build().map_err(|error| unusable(NOZZLE_ENDPOINT.spec, &error))
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
    builder.build().map(Some).map_err(|error| unusable(NOZZLE_ADMIN_ENDPOINT.spec, &error))
}

fn unusable(spec: &Spec, error: &dyn Error) -> Mistake {
    let (subject, problem) = (spec.name.to_owned(), Causes(error).to_string());
    Mistake { subject, problem, remedy: example(spec) }
}

/// The database.
pub(crate) fn database(settings: &DatabaseSettings) -> Result<Database, Mistake> {
    let options = DatabaseOptions::default().with_max_connections(settings.connections_max);
    Database::connect(settings.config.clone(), &options)
        .map_err(|error| database::mistake(&error, settings))
}
