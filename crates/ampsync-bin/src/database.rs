//! Whether the database can be used at all, before anything else is begun: a wrong password is a
//! mistake in the configuration, a server that is not up yet is only early.

use sink_postgres::{ConnectOptions, Database, Error};
use sync_core::{Causes, Classify, Fault, OneLine};

use crate::adapters;
use crate::failure::Failure;
use crate::patience::Patience;
use crate::settings::{DatabaseSettings, Mistake};
use crate::stage::{Awaited, Problem, Progress};

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

/// Connects as a sync would, and writes nothing.
pub(crate) async fn attempt(config: &ConnectOptions) -> Result<(), Error> {
    config.probe().await
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
