//! The first stage: what was given, by variable, before anything is known of it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::Path;

use super::mistake::Mistake;
use super::spec::{Group, Setting, Spec, Variable};

/// What was given: the values of flags and environment variables. It has no `Debug`, because
/// nothing in it is hidden yet.
#[derive(Default)]
pub(crate) struct Given {
    /// By the names of variables, not of flags.
    pub(crate) flags: BTreeMap<String, OsString>,
    /// The whole environment.
    pub(crate) environment: BTreeMap<OsString, OsString>,
}

impl Given {
    /// Whether nothing was given of all that says what is to be done.
    pub(crate) fn is_empty(&self) -> bool {
        let specs = super::ALL.iter().filter(|spec| spec.group != Group::Logging);
        let mut variables = specs.flat_map(|spec| spec.variables());
        !variables.any(|Variable { name, .. }| {
            let values = [self.flags.get(&name), self.environment.get(std::ffi::OsStr::new(&name))];
            values.into_iter().flatten().any(|value| !value.is_empty())
        })
    }
}

/// Reads settings one by one, and keeps what is wrong with them.
pub(crate) struct Reader<'a> {
    given: &'a Given,
    read_file: &'a dyn Fn(&Path) -> io::Result<String>,
    mistakes: Vec<Mistake>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(
        given: &'a Given,
        read_file: &'a dyn Fn(&Path) -> io::Result<String>,
    ) -> Self {
        Self { given, read_file, mistakes: Vec::new() }
    }

    pub(crate) fn take_mistakes(&mut self) -> Vec<Mistake> {
        std::mem::take(&mut self.mistakes)
    }

    /// The environment without what a config has no business with: the database, and whatever
    /// may be a token.
    pub(super) fn public_environment(&self) -> impl Iterator<Item = (String, String)> {
        let secret = |name: &str| {
            let name = name.to_uppercase();
            name.starts_with("DATABASE_") || name.starts_with("PG") || name.contains("TOKEN")
        };
        let texts = self.given.environment.iter().filter_map(|(name, value)| {
            Some((name.to_str()?.to_owned(), value.to_str()?.to_owned()))
        });
        texts.filter(move |(name, _)| !secret(name))
    }

    /// Whether a variable that is no setting of ours is set to something.
    pub(super) fn is_in_environment(&self, variable: &str) -> bool {
        self.given.environment.iter().any(|(name, value)| name == variable && !value.is_empty())
    }

    /// How many mistakes there are so far.
    pub(super) fn mistakes_so_far(&self) -> usize {
        self.mistakes.len()
    }

    pub(crate) fn mistake(
        &mut self,
        subject: impl Into<String>,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let (subject, problem, remedy) = (subject.into(), problem.into(), remedy.into());
        self.mistakes.push(Mistake { subject, problem, remedy });
    }

    pub(super) fn mistakes(&mut self, mistakes: Vec<Mistake>) {
        self.mistakes.extend(mistakes);
    }

    /// Whether the setting was given, be it right or wrong.
    pub(crate) fn is_given(&self, spec: &Spec) -> bool {
        !self.sources(spec).is_empty()
    }

    /// The setting's value or default; `None` if it has neither, or one that is a mistake.
    pub(crate) fn get<T>(&mut self, setting: &Setting<T>) -> Option<T> {
        let spec = setting.spec;
        let (variable, text) = match self.given_text(spec) {
            Ok(Some(found)) => found,
            Ok(None) => (spec.name.to_owned(), spec.default?.to_owned()),
            Err(()) => return None,
        };
        match (setting.parse)(&text) {
            Ok(value) => Some(value),
            Err(expected) => {
                // A URL of any kind may have a password in it.
                let hidden = spec.secret || (text.contains("://") && text.contains('@'));
                let problem = match hidden {
                    true => format!("expected {expected}"),
                    false => format!("expected {expected}; found {:?}", shortened(&text)),
                };
                self.mistake(variable, problem, example(spec));
                None
            }
        }
    }

    /// Reports that a setting that must be there is not.
    pub(crate) fn missing(&mut self, spec: &Spec, problem: &str) {
        let lookalike =
            self.lookalike(spec).map(|found| format!("; {found} is set, is it misspelt?"));
        self.mistake(
            spec.name,
            format!("{problem}{}", lookalike.unwrap_or_default()),
            example(spec),
        );
    }

    /// A variable that is set and looks like one of this setting's.
    fn lookalike(&self, spec: &Spec) -> Option<String> {
        let environment = self.given.environment.keys().filter_map(|name| name.to_str());
        let known = |name: &str| {
            super::ALL
                .iter()
                .any(|spec| spec.variables().iter().any(|variable| variable.name == name))
        };
        let names: Vec<&str> = environment.filter(|name| !known(name)).collect();
        super::nearest(spec.name, names).map(str::to_owned)
    }

    /// The setting's text and the variable it came from; an error has been reported.
    pub(super) fn given_text(&mut self, spec: &Spec) -> Result<Option<(String, String)>, ()> {
        let sources = self.sources(spec);
        let mut texts = Vec::new();
        for (variable, value) in sources {
            texts.push((variable.name.clone(), self.text(&variable, &value, spec.secret)?));
        }
        let Some((variable, text)) = texts.first().cloned() else { return Ok(None) };
        if let Some((other, _)) = texts.iter().find(|(_, other)| *other != text) {
            let problem = "both are set, to different values";
            self.mistake(format!("{variable}, {other}"), problem, "set one of the two");
            return Err(());
        }
        Ok(Some((variable, text)))
    }

    /// Where the setting was given. A flag hides the environment; what is empty is not set.
    fn sources(&self, spec: &Spec) -> Vec<(Variable, OsString)> {
        let find = |get: &dyn Fn(&str) -> Option<&'a OsString>| {
            let variables = spec.variables().into_iter();
            let found = variables.filter_map(|variable| {
                let value = get(&variable.name).filter(|value| !value.is_empty())?.clone();
                Some((variable, value))
            });
            found.collect::<Vec<_>>()
        };
        let flags = find(&|name| self.given.flags.get(name));
        if flags.is_empty() {
            find(&|name| self.given.environment.get(std::ffi::OsStr::new(name)))
        } else {
            flags
        }
    }

    /// The text a variable stands for; an error has been reported.
    fn text(&mut self, variable: &Variable, value: &OsString, exactly: bool) -> Result<String, ()> {
        let name = &variable.name;
        let text = if variable.is_file {
            (self.read_file)(Path::new(value)).map_err(|error| {
                let problem = format!("the file {} cannot be read: {error}", value.display());
                self.mistake(name, problem, "name a text file with nothing in it but the value");
            })?
        } else {
            value.to_str().map(str::to_owned).ok_or_else(|| {
                self.mistake(name, "the value is not UTF-8", "write it in UTF-8");
            })?
        };
        // Editors end a file with a line break, and people an export with a space, which may be
        // meant in a password.
        let text = if variable.is_file { text.trim_end_matches(['\r', '\n']) } else { &text };
        let text = if exactly { text } else { text.trim() };
        if text.trim().is_empty() {
            self.mistake(name, "the value is blank", "write a value, or leave it unset");
            return Err(());
        }
        Ok(text.to_owned())
    }
}

/// How the setting is set right.
pub(crate) fn example(spec: &Spec) -> String {
    format!("example: {}={}", spec.name, spec.example)
}

/// Enough of a value for its writer to know it again.
fn shortened(text: &str) -> String {
    const CHARS_MAX: usize = 200;
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
