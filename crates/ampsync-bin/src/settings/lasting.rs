//! The settings that a process takes when it starts, and keeps: what a reload cannot change.

use std::collections::BTreeMap;

use super::given::{Given, Reader};
use super::{ALL, ReadFile, Spec, table};

/// What a reload takes anew.
const RELOADED: [&str; 9] = [
    table::DATASET_MANIFEST.spec.name,
    table::DATASET.spec.name,
    table::TABLES.spec.name,
    table::QUERY_MODE.spec.name,
    table::DATABASE_SCHEMA.spec.name,
    table::AMPSYNC_CONFIG.spec.name,
    table::NUL_IN_TEXT.spec.name,
    table::VALUES_OUT_OF_RANGE.spec.name,
    table::NOTIFY_CHANNEL.spec.name,
];

/// Whether a reload takes the setting anew.
pub(crate) fn is_reloaded(spec: &Spec) -> bool {
    RELOADED.contains(&spec.name)
}

/// The values of all others, as they were given. It has no `Debug`, because nothing in it is
/// hidden.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Lasting(BTreeMap<&'static str, Value>);

#[derive(Clone, PartialEq, Eq)]
struct Value {
    text: Option<String>,
    secret: bool,
}

/// A setting that is no longer what the process runs with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outdated {
    pub(crate) setting: &'static str,
    /// Before and now, where that may be seen.
    pub(crate) values: Option<(String, String)>,
}

impl Lasting {
    /// Reads what was given; mistakes in it are told elsewhere.
    pub(crate) fn read(given: &Given, read_file: ReadFile<'_>) -> Self {
        let mut reader = Reader::new(given, read_file);
        let lasting = ALL.iter().filter(|spec| !is_reloaded(spec));
        Self(
            lasting
                .map(|spec| {
                    let given = reader.given_text(spec).ok().flatten().map(|(_, text)| text);
                    let text = given.or_else(|| spec.default.map(str::to_owned));
                    (spec.name, Value { text, secret: spec.secret })
                })
                .collect(),
        )
    }

    /// The settings that are another now.
    pub(crate) fn outdated(&self, now: &Self) -> Vec<Outdated> {
        let pairs = self.0.iter().filter_map(|(name, old)| Some((*name, old, now.0.get(name)?)));
        let shown = |value: &Value| value.text.clone().unwrap_or_else(|| "not set".to_owned());
        pairs
            .filter(|(_, old, new)| old != new)
            .map(|(setting, old, new)| Outdated {
                setting,
                values: (!old.secret).then(|| (shown(old), shown(new))),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Lasting {
        let environment = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        let given = Given { environment: environment.collect(), ..Given::default() };
        Lasting::read(&given, &|_| Err(std::io::ErrorKind::NotFound.into()))
    }

    #[test]
    fn what_needs_a_restart_is_named_and_secrets_are_not_shown() {
        let old = read(&[("DATABASE_URL", "postgres://u:one@db/app"), ("TABLES", "logs")]);
        let new = read(&[
            ("DATABASE_URL", "postgres://u:two@db/app"),
            ("TABLES", "blocks"),
            ("MEMORY_LIMIT", "1GiB"),
        ]);
        let memory = Some(("256MiB".to_owned(), "1GiB".to_owned()));
        assert_eq!(
            old.outdated(&new),
            [
                Outdated { setting: "DATABASE_URL", values: None },
                Outdated { setting: "MEMORY_LIMIT", values: memory },
            ]
        );
        assert!(old.outdated(&old).is_empty());
    }
}
