//! The verb `schema`: SQL on stdout and nothing else, migrations that apply, and a database that
//! is only read.

mod migrations;
mod printed;

use std::path::Path;

use crate::process::{Answer, ampsync, answer};

/// Runs `ampsync schema` with these arguments, in `folder`.
pub(crate) fn schema(folder: &Path, environment: &[(&str, &str)], arguments: &[&str]) -> Answer {
    answer(ampsync(environment).arg("schema").args(arguments).current_dir(folder))
}

/// The same, which has to work.
pub(crate) fn sql(folder: &Path, environment: &[(&str, &str)], arguments: &[&str]) -> String {
    let answer = schema(folder, environment, arguments);
    assert_eq!(answer.code, Some(0), "{}", answer.log);
    answer.out
}
