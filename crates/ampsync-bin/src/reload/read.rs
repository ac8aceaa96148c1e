//! The settings as they are now.

use std::sync::Arc;

use super::files::{Files, recorded};
use super::trouble::Trouble;
use crate::settings::{Given, Lasting, Mistakes, Settings};

/// What was read, and from what.
pub(crate) struct Read {
    pub(crate) settings: Result<Settings, Mistakes>,
    pub(crate) lasting: Lasting,
    pub(crate) files: Files,
}

impl Read {
    /// Reads everything.
    pub(crate) fn now(given: &Given) -> Self {
        let ((settings, lasting), files) = recorded(|read_file| {
            (Settings::read(given, read_file), Lasting::read(given, read_file))
        });
        Self { settings, lasting, files }
    }
}

/// Reads everything anew, in a thread of its own: a config is a program that may take its time.
pub(super) async fn read(given: &Arc<Given>) -> Result<Read, Trouble> {
    let given = Arc::clone(given);
    let work = tokio::task::spawn_blocking(move || Read::now(&given));
    work.await.map_err(|error| Trouble::Passing {
        doing: "the settings were not read".to_owned(),
        error: error.to_string(),
        remedy: None,
    })
}
