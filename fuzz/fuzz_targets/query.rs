//! The SQL of a config, made streamable.
#![no_main]

use ampsync_manifest::TableName;
use ampsync_manifest::query::{Names, streamable};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|sql: &str| {
    let Ok(table) = "t".parse::<TableName>() else { return };
    let names = Names { own: None, dependencies: &[], functions: &[] };
    match streamable(&table, sql, &names) {
        Ok(query) => assert!(!query.sql.is_empty() && !query.block_column.is_empty()),
        Err(problems) => {
            assert!(problems.iter().len() > 0);
            assert!(problems.iter().all(|problem| !problem.problem().is_empty()));
        }
    }
});
