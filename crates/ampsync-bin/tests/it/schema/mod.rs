//! The verb `schema`: SQL on stdout and nothing else, migrations that apply, and a database that
//! is only read.

mod migrations;
mod printed;

use std::path::Path;

use crate::process::ampsync;

/// What a command came to.
pub(crate) struct Answer {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) log: String,
}

/// Runs `ampsync schema` with these arguments, in `folder`.
pub(crate) fn schema(folder: &Path, environment: &[(&str, &str)], arguments: &[&str]) -> Answer {
    let mut command = ampsync(environment);
    let output = command.arg("schema").args(arguments).current_dir(folder).output().unwrap();
    Answer {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        log: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The same, which has to work.
pub(crate) fn sql(folder: &Path, environment: &[(&str, &str)], arguments: &[&str]) -> String {
    let answer = schema(folder, environment, arguments);
    assert_eq!(answer.code, Some(0), "{}", answer.log);
    answer.out
}
