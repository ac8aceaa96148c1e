//! The settings as they are now.

use std::sync::Arc;

use super::files::{Files, recorded};
use super::trouble::Trouble;
use crate::settings::{Given, Lasting, Mistakes, Settings};

/// What was read, and from what.
pub(super) struct Read {
    pub(super) settings: Result<Settings, Mistakes>,
    pub(super) lasting: Lasting,
    pub(super) files: Files,
}

/// Reads everything anew, in a thread of its own: a config is a program that may take its time.
pub(super) async fn read(given: &Arc<Given>) -> Result<Read, Trouble> {
    let given = Arc::clone(given);
    let work = tokio::task::spawn_blocking(move || {
        let ((settings, lasting), files) = recorded(|read_file| {
            (Settings::read(&given, read_file), Lasting::read(&given, read_file))
        });
        Read { settings, lasting, files }
    });
    work.await.map_err(|error| Trouble::Passing {
        doing: "the settings were not read".to_owned(),
        error: error.to_string(),
        remedy: None,
    })
}
