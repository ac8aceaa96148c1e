//! Which dataset is meant, asked of the Admin API before anything is streamed: a tag is resolved
//! once, and what it named then is what is streamed until the settings are read again.

use std::borrow::Cow;

use ampsync_manifest::DatasetRef;
use nozzle_client::admin::{AdminClient, AdminError, DatasetQuery, ResolvedDataset};
use sync_core::{Causes, Classify, Fault, OneLine};
use tracing::field::display;

use crate::patience::Patience;
use crate::settings::Mistake;
use crate::stage::{Awaited, Problem, Progress};

/// Asks until there is an answer, for ever. `progress` is told every failure, the log at growing
/// intervals.
///
/// # Errors
/// When the reason is one that only a change of the configuration can help.
pub(crate) async fn resolve(
    client: &AdminClient,
    dataset: &DatasetRef,
    progress: &Progress,
) -> Result<ResolvedDataset, Mistake> {
    progress.waits_for(Awaited::Dataset);
    let mut patience = Patience::new();
    loop {
        let error = match ask(client, dataset).await {
            Ok(resolved) => return Ok(resolved),
            Err(error) if error.fault() == Fault::Permanent => return Err(mistake(&error)),
            Err(error) => error,
        };
        if patience.is_due() {
            tell(dataset, &error);
        }
        let remedy = error.remedy().map(Cow::into_owned);
        progress.still_waits(Problem { message: Causes(&error).to_string(), remedy });
        patience.wait().await;
    }
}

/// Asks once.
pub(crate) async fn ask(
    client: &AdminClient,
    dataset: &DatasetRef,
) -> Result<ResolvedDataset, AdminError> {
    let query = DatasetQuery {
        namespace: dataset.namespace().map(|namespace| namespace.as_str()),
        name: dataset.name().as_str(),
        revision: dataset.revision().map(|revision| revision.as_str()),
    };
    client.resolve(&query).await
}

fn tell(dataset: &DatasetRef, error: &AdminError) {
    let remedy = error.remedy().map(OneLine).map(display);
    if let AdminError::NotFound { .. } = error {
        tracing::warn!(%dataset, remedy, "the server does not have the dataset yet: waiting for it");
    } else {
        let error = OneLine(Causes(error));
        tracing::warn!(%dataset, %error, remedy, "the dataset cannot be resolved yet: trying again");
    }
}

pub(crate) fn mistake(error: &AdminError) -> Mistake {
    Mistake {
        subject: "NOZZLE_ADMIN_ENDPOINT".to_owned(),
        problem: Causes(error).to_string(),
        remedy: error.remedy().unwrap_or("correct it, or leave it out".into()).into_owned(),
    }
}
