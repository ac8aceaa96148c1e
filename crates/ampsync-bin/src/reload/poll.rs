//! Asks the Admin API at intervals which manifest the dataset names.

use std::time::Duration;

use ampsync_manifest::DatasetRef;
use nozzle_client::admin::{AdminClient, ResolvedDataset};
use sync_core::{Causes, OneLine};
use tokio::sync::{mpsc, watch};
use tracing::debug;

use super::cause::Cause;
use crate::admin;

/// What was asked for, and the answer.
pub(super) type Known = Option<(DatasetRef, ResolvedDataset)>;

/// Tells when the answer is no longer the last one, until nobody listens any more.
pub(super) async fn poll(
    client: AdminClient,
    known: watch::Receiver<Known>,
    every: Duration,
    changed: mpsc::Sender<Cause>,
) {
    while !changed.is_closed() {
        tokio::time::sleep(every).await;
        let Some((dataset, before)) = known.borrow().clone() else { continue };
        match admin::ask(&client, &dataset).await {
            // Another answer came meanwhile: this one is compared next time.
            Ok(_) if known.borrow().as_ref().is_none_or(|(_, now)| *now != before) => {}
            Ok(now) if now != before => {
                // Should it not be taken now, it is found again.
                changed.try_send(Cause::Tag).ok();
            }
            Ok(_) => {}
            Err(error) => {
                let error = OneLine(Causes(&error));
                debug!(%dataset, %error, "the dataset was not resolved: asking again");
            }
        }
    }
}
