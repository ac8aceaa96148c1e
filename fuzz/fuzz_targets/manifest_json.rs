//! Configs and built manifests in JSON.
#![no_main]

use std::io;
use std::path::Path;

use ampsync_manifest::{Host, load};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let files = |_: &Path| io::Result::Ok(text.to_owned());
    match load(Path::new("nozzle.config.json"), &Host::new(&files)) {
        Ok(manifest) => {
            assert!(!manifest.tables().is_empty());
            for (index, table) in manifest.tables().iter().enumerate() {
                let others = &manifest.tables()[..index];
                assert!(others.iter().all(|other| other.name() != table.name()));
                assert!(table.sql().is_none_or(|sql| !sql.trim().is_empty()));
            }
        }
        Err(problems) => {
            assert!(problems.iter().len() > 0);
            assert!(!problems.to_string().is_empty());
        }
    }
});
