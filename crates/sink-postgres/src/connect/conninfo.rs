use std::fmt;
use std::str::FromStr;

use super::text::{self, Parameters};
use super::{ConnectOptions, parameters};

/// Connection parameters by name, as libpq knows them, and as they were written: nothing is
/// checked yet.
///
/// ```
/// use sink_postgres::Conninfo;
///
/// let mut conninfo: Conninfo = "host=db1,db2 user=ampsync dbname=app".parse()?;
/// conninfo.or("sslmode", "verify-full");
/// let options = conninfo.options()?;
/// assert_eq!(options.label(), "db1:5432,db2:5432/app");
/// # Ok::<(), sink_postgres::ConninfoError>(())
/// ```
#[derive(Clone, Default)]
pub struct Conninfo {
    parameters: Parameters,
}

impl Conninfo {
    /// The names of all parameters that are known, also those that are refused with a reason.
    pub fn names() -> impl Iterator<Item = &'static str> {
        parameters::names()
    }

    /// The value of a parameter; of several, the last counts. An empty one is none.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let last = self.parameters.iter().rev().find(|(known, _)| known == name);
        last.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// Sets a parameter, unless it is set.
    pub fn or(&mut self, name: &str, value: impl Into<String>) {
        if self.get(name).is_none() {
            self.parameters.push((name.to_owned(), value.into()));
        }
    }

    /// What the parameters mean.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub fn options(&self) -> Result<ConnectOptions, ConninfoError> {
        parameters::options(self)
    }

    /// The parameters that are set, each once.
    pub(super) fn names_set(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for (name, value) in &self.parameters {
            if !value.is_empty() && !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        names
    }
}

impl FromStr for Conninfo {
    type Err = ConninfoError;

    /// Reads a URL, `postgres://user:password@host:port/database?name=value`, or `name=value`
    /// pairs.
    fn from_str(text: &str) -> Result<Self, ConninfoError> {
        match text::parse(text) {
            Ok(parameters) => Ok(Self { parameters }),
            Err(expected) => {
                let problem = format!("expected {expected}");
                let problem = ConninfoProblem { parameter: None, problem, remedy: None };
                Err(ConninfoError { problems: vec![problem] })
            }
        }
    }
}

impl FromStr for ConnectOptions {
    type Err = ConninfoError;

    fn from_str(text: &str) -> Result<Self, ConninfoError> {
        text.parse::<Conninfo>()?.options()
    }
}

impl fmt::Debug for Conninfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conninfo").field("parameters", &self.names_set()).finish_non_exhaustive()
    }
}

/// What is wrong with connection parameters. Neither the password nor any of a text that could
/// not be read is in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct ConninfoError {
    /// All of it, at least one.
    pub problems: Vec<ConninfoProblem>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConninfoProblem {
    /// The parameter, if it is about one.
    pub parameter: Option<String>,
    /// What is wrong.
    pub problem: String,
    /// What to do instead, where the problem does not say it.
    pub remedy: Option<&'static str>,
}

impl fmt::Display for ConninfoProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parameter) = &self.parameter {
            write!(f, "{parameter}: ")?;
        }
        f.write_str(&self.problem)
    }
}
