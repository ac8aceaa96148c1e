//! Whether the database can be used at all, before anything else is begun: a wrong password is a
//! mistake in the configuration, a server that is not up yet is only early.

use std::time::Duration;

use sink_postgres::Error;
use sync_core::{Causes, Classify, Fault, OneLine};
use tokio::time::timeout;
use tokio_postgres::{Config, NoTls};

use crate::patience::Patience;
use crate::settings::{DatabaseSettings, Mistake};
use crate::stage::{Awaited, Problem, Progress};

/// A server that takes the connection and says nothing must not stop the retries.
const ATTEMPT_MAX: Duration = Duration::from_secs(10);

/// Connects until it succeeds, for ever. `progress` is told every failure, the log at growing
/// intervals.
///
/// # Errors
/// When the reason is one that only a change of the configuration can help.
pub(crate) async fn wait_until_usable(
    settings: &DatabaseSettings,
    progress: &Progress,
) -> Result<(), Mistake> {
    progress.waits_for(Awaited::Database);
    let database = settings.label();
    let mut patience = Patience::new();
    while let Err(error) = attempt(&settings.config).await {
        if error.fault() == Fault::Permanent {
            return Err(mistake(&error, settings));
        }
        let remedy =
            error.remedy().unwrap_or("check that it runs, and that its address is right".into());
        if patience.is_due() {
            tracing::warn!(
                %database, error = %OneLine(Causes(&error)), remedy = %OneLine(&remedy),
                "the database cannot be used yet: trying again"
            );
        }
        let message = Causes(&error).to_string();
        progress.still_waits(Problem { message, remedy: Some(remedy.into_owned()) });
        patience.wait().await;
    }
    if patience.was_told() {
        tracing::info!(%database, "the database can be used");
    }
    Ok(())
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
