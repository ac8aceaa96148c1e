//! Whether the database can be used at all, before anything else is begun: a wrong password is a
//! mistake in the configuration, a server that is not up yet is only early.

use std::time::Duration;

use sink_postgres::{Database, Error};
use sync_core::{Causes, Classify, Fault, OneLine};
use tokio::time::timeout;
use tokio_postgres::{Config, NoTls};

use crate::adapters;
use crate::failure::Failure;
use crate::patience::Patience;
use crate::settings::{DatabaseSettings, Mistake};

/// A server that takes the connection and says nothing must not stop the retries.
const ATTEMPT_MAX: Duration = Duration::from_secs(10);

/// Connects until it succeeds, for ever, telling the reason of failures at growing intervals.
///
/// # Errors
/// When the reason is one that only a change of the configuration can help.
pub(crate) async fn wait_until_usable(settings: &DatabaseSettings) -> Result<(), Mistake> {
    let database = settings.label();
    let mut patience = Patience::new();
    while let Err(error) = attempt(&settings.config).await {
        if error.fault() == Fault::Permanent {
            return Err(mistake(&error, settings));
        }
        if patience.is_due() {
            let remedy = error
                .remedy()
                .unwrap_or("check that it runs, and that its address is right".into());
            tracing::warn!(
                %database, error = %OneLine(Causes(&error)), remedy = %OneLine(remedy),
                "the database cannot be used yet: trying again"
            );
        }
        patience.wait().await;
    }
    if patience.was_told() {
        tracing::info!(%database, "the database can be used");
    }
    Ok(())
}

/// The database, once it has been connected to.
///
/// # Errors
/// A mistake in the configuration, or a database that does not answer.
pub(crate) async fn open(settings: &DatabaseSettings) -> Result<Database, Failure> {
    if let Err(error) = attempt(&settings.config).await {
        return Err(if error.fault() == Fault::Permanent {
            mistake(&error, settings).into()
        } else {
            Failure::of(format!("the database {} cannot be used", settings.label()))(error)
        });
    }
    Ok(adapters::database(settings)?)
}

/// Connects once.
pub(crate) async fn attempt(config: &Config) -> Result<(), Error> {
    const DOING: &str = "connect to the database";
    let connect = async {
        let (client, connection) = config.connect(NoTls).await?;
        // Without its client the connection says goodbye and ends.
        drop(client);
        connection.await
    };
    match timeout(ATTEMPT_MAX, connect).await {
        Ok(result) => {
            result.map_err(|source| Error::Server { doing: DOING, source: source.into() })
        }
        Err(_) => Err(Error::Stalled { doing: DOING, limit: ATTEMPT_MAX }),
    }
}

pub(crate) fn mistake(error: &Error, settings: &DatabaseSettings) -> Mistake {
    Mistake {
        subject: settings.variable.to_owned(),
        problem: format!("{}: {}", settings.label(), Causes(error)),
        remedy: error
            .remedy()
            .unwrap_or("correct the settings of the database".into())
            .into_owned(),
    }
}
