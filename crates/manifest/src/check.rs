//! Reads values of the file one by one, and keeps what is wrong with them.

use std::path::Path;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::diagnostic::{Diagnostic, Position};
use crate::places::{Places, child_path};
use crate::raw::Entries;

/// A value of the file, and where in the document it is.
pub(crate) struct Node<'a> {
    raw: &'a RawValue,
    path: String,
}

impl<'a> Node<'a> {
    pub(crate) fn root(raw: &'a RawValue) -> Self {
        Self { raw, path: String::new() }
    }

    /// The value of `key` in this object, where there is one.
    pub(crate) fn member(&self, key: &str, raw: Option<&'a RawValue>) -> Option<Self> {
        raw.map(|raw| self.child(key, raw))
    }

    fn child(&self, key: &str, raw: &'a RawValue) -> Self {
        let path = child_path(&self.path, key);
        Self { raw, path }
    }

    fn item(&self, index: usize, raw: &'a RawValue) -> Self {
        Self { raw, path: format!("{}[{index}]", self.path) }
    }

    pub(crate) fn is_text(&self) -> bool {
        self.raw.get().starts_with('"')
    }
}

/// Collects the problems of one file. What cannot be read is `None`, and a problem more.
pub(crate) struct Checker<'a> {
    file: &'a Path,
    text: &'a str,
    /// Where the parts of the document are in the text of the file, where that is another one.
    places: Option<&'a Places>,
    problems: Vec<Diagnostic>,
    notes: Vec<String>,
}

impl<'a> Checker<'a> {
    /// Of a document that is the text of the file.
    pub(crate) fn new(file: &'a Path, text: &'a str) -> Self {
        Self { file, text, places: None, problems: Vec::new(), notes: Vec::new() }
    }

    /// Of a document that evaluating the file has given.
    pub(crate) fn of_evaluated(file: &'a Path, text: &'a str, places: &'a Places) -> Self {
        Self { places: Some(places), ..Self::new(file, text) }
    }

    /// The notes since the last time.
    pub(crate) fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    pub(crate) fn into_problems(self) -> Vec<Diagnostic> {
        self.problems
    }

    /// The whole document, unless it is not JSON.
    pub(crate) fn document(&mut self) -> Option<Node<'a>> {
        match serde_json::from_str(self.text) {
            Ok(raw) => Some(Node::root(raw)),
            Err(error) => {
                let position =
                    Position { line: error.line().max(1), column: error.column().max(1) };
                let problem = format!("the file is not JSON: {}", reason(&error));
                let diagnostic =
                    Diagnostic::of_file(self.file, problem, "correct it there, or just before");
                self.problems.push(diagnostic.at(self.text, position, ""));
                None
            }
        }
    }

    pub(crate) fn problem(
        &mut self,
        at: &Node<'a>,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let problem = Diagnostic::of_file(self.file, problem, remedy);
        let problem = match self.places {
            None => {
                let position = Position::of(self.text, self.offset(at));
                problem.at(self.text, position, &at.path)
            }
            Some(places) => places.place(problem, &at.path),
        };
        self.problems.push(problem);
    }

    /// Notes the keys of an object that mean nothing here.
    pub(crate) fn note_others(&mut self, node: &Node<'a>, known: &[&str]) {
        let Ok(Entries(entries)) = serde_json::from_str(node.raw.get()) else { return };
        for (key, value) in entries {
            if !known.contains(&key.as_str()) {
                let path = node.child(&key, value).path;
                self.notes.push(format!("{}: {path}: unknown key, ignored", self.file.display()));
            }
        }
    }

    pub(crate) fn expected(&mut self, at: &Node<'a>, expected: &str, remedy: &str) {
        let found = describe(at.raw.get());
        self.problem(at, format!("expected {expected}, found {found}"), remedy);
    }

    /// An object with known keys.
    pub(crate) fn object<T: Deserialize<'a>>(
        &mut self,
        node: &Node<'a>,
        expected: &str,
        remedy: &str,
    ) -> Option<T> {
        // A derived `Deserialize` would take an array for its fields in order.
        if !node.raw.get().starts_with('{') {
            self.expected(node, expected, remedy);
            return None;
        }
        self.parse(node, remedy)
    }

    /// An object whose keys are names. One that comes twice is a problem.
    pub(crate) fn entries(
        &mut self,
        node: &Node<'a>,
        expected: &str,
        remedy: &str,
    ) -> Option<Vec<(String, Node<'a>)>> {
        let Entries(raw) = self.object(node, expected, remedy)?;
        let mut entries: Vec<(String, Node<'a>)> = Vec::with_capacity(raw.len());
        for (key, value) in raw {
            let child = node.child(&key, value);
            if entries.iter().any(|(known, _)| *known == key) {
                self.problem(&child, "the name is here twice", "keep one of the two");
            } else {
                entries.push((key, child));
            }
        }
        Some(entries)
    }

    /// An array.
    pub(crate) fn items(
        &mut self,
        node: &Node<'a>,
        expected: &str,
        remedy: &str,
    ) -> Option<Vec<Node<'a>>> {
        if !node.raw.get().starts_with('[') {
            self.expected(node, expected, remedy);
            return None;
        }
        let items: Vec<&RawValue> = self.parse(node, remedy)?;
        Some(items.into_iter().enumerate().map(|(index, raw)| node.item(index, raw)).collect())
    }

    /// A text that is not blank.
    pub(crate) fn text(&mut self, node: &Node<'a>, expected: &str, remedy: &str) -> Option<String> {
        if !node.is_text() {
            self.expected(node, expected, remedy);
            return None;
        }
        let text: String = self.parse(node, remedy)?;
        if text.trim().is_empty() {
            self.problem(node, format!("expected {expected}, found a blank text"), remedy);
            return None;
        }
        Some(text)
    }

    /// A value of a type that is told by `expected` alone.
    pub(crate) fn scalar<T: Deserialize<'a>>(
        &mut self,
        node: &Node<'a>,
        expected: &str,
        remedy: &str,
    ) -> Option<T> {
        let value = serde_json::from_str(node.raw.get());
        if value.is_err() {
            self.expected(node, expected, remedy);
        }
        value.ok()
    }

    fn parse<T: Deserialize<'a>>(&mut self, node: &Node<'a>, remedy: &str) -> Option<T> {
        // The document was parsed once, so what fails here is rare: a key of a known object that
        // comes twice, or an escape that is no character.
        serde_json::from_str(node.raw.get())
            .map_err(|error| {
                let start = Position::of(self.text, self.offset(node));
                let position = start.plus(error.line(), error.column());
                let problem = Diagnostic::of_file(self.file, reason(&error), remedy);
                self.problems.push(match self.places {
                    None => problem.at(self.text, position, &node.path),
                    Some(places) => places.place(problem, &node.path),
                });
            })
            .ok()
    }

    /// Where in the text the value starts. Values are slices of it.
    fn offset(&self, node: &Node<'a>) -> usize {
        node.raw.get().as_ptr().addr().saturating_sub(self.text.as_ptr().addr())
    }
}

/// What a JSON error says, without the position that it appends.
pub(crate) fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or(&text).to_owned()
}

/// What a value is, in words.
fn describe(json: &str) -> String {
    match json.as_bytes().first() {
        Some(b'{') => "an object".to_owned(),
        Some(b'[') => "an array".to_owned(),
        Some(b'"') => format!("the text {}", shortened(json)),
        Some(b't' | b'f' | b'n') => json.to_owned(),
        _ => format!("the number {}", shortened(json)),
    }
}

fn shortened(json: &str) -> String {
    const CHARS_MAX: usize = 60;
    if json.chars().count() <= CHARS_MAX {
        return json.to_owned();
    }
    json.chars().take(CHARS_MAX).chain("…".chars()).collect()
}
