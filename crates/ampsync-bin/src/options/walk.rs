//! Reads the values of a TOML document one by one, and keeps what is wrong with them.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::spot::{Source, Spot};
use crate::settings::{Mistake, nearest};

/// A value of the document: where it is in it, and in the file.
#[derive(Clone, Debug)]
pub(super) struct Node<'d, 'i> {
    /// Such as `tables.transfers.name`.
    pub(super) path: String,
    pub(super) span: Range<usize>,
    pub(super) value: &'d DeValue<'i>,
}

/// The document, and the mistakes found in it so far.
pub(super) struct Walk<'a> {
    pub(super) source: Source<'a>,
    mistakes: Vec<(usize, Mistake)>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(source: Source<'a>) -> Self {
        Self { source, mistakes: Vec::new() }
    }

    /// What was wrong, in the order of the file.
    pub(super) fn into_mistakes(mut self) -> Vec<Mistake> {
        self.mistakes.sort_by_key(|(offset, _)| *offset);
        self.mistakes.into_iter().map(|(_, mistake)| mistake).collect()
    }

    pub(super) fn refuse(
        &mut self,
        path: &str,
        offset: usize,
        problem: &str,
        remedy: impl Into<String>,
    ) {
        self.refuse_at(&self.source.spot(offset), offset, path, problem, remedy);
    }

    pub(super) fn refuse_at(
        &mut self,
        spot: &Spot,
        offset: usize,
        path: &str,
        problem: &str,
        remedy: impl Into<String>,
    ) {
        self.mistakes.push((offset, mistake(spot, path, problem, remedy)));
    }

    fn unexpected(&mut self, node: &Node<'_, '_>, expected: &str, remedy: &str) {
        let problem = format!("expected {expected}, found {}", kind(node.value));
        self.refuse(&node.path, node.span.start, &problem, remedy);
    }

    /// The entries of a table, whose keys have to be among `keys`.
    pub(super) fn entries<'d, 'i>(
        &mut self,
        node: &Node<'d, 'i>,
        keys: &[&str],
    ) -> Vec<(&'d str, Node<'d, 'i>)> {
        let mut entries = self.all_entries(node, &format!("a table with {}", keys.join(", ")));
        entries.retain(|(key, entry)| {
            let is_known = keys.contains(key);
            if !is_known {
                let remedy = match nearest(key, keys.to_vec()) {
                    Some(near) => format!("did you mean {near}?"),
                    None => format!("the keys are {}", keys.join(", ")),
                };
                let problem = format!("there is no key {key:?} here");
                self.refuse(&node.path, entry.key, &problem, remedy);
            }
            is_known
        });
        entries.into_iter().map(|(key, entry)| (key, entry.node)).collect()
    }

    /// The entries of a table, whatever their keys are, with where the keys stand.
    pub(super) fn named_entries<'d, 'i>(
        &mut self,
        node: &Node<'d, 'i>,
        expected: &str,
    ) -> Vec<(&'d str, usize, Node<'d, 'i>)> {
        let entries = self.all_entries(node, expected).into_iter();
        entries.map(|(key, entry)| (key, entry.key, entry.node)).collect()
    }

    fn all_entries<'d, 'i>(
        &mut self,
        node: &Node<'d, 'i>,
        expected: &str,
    ) -> Vec<(&'d str, Entry<'d, 'i>)> {
        let DeValue::Table(table) = node.value else {
            self.unexpected(node, expected, &format!("write [{}] and its keys below", node.path));
            return Vec::new();
        };
        entries(table, &node.path)
    }

    pub(super) fn text<'d>(&mut self, node: &Node<'d, '_>) -> Option<&'d str> {
        let text = node.value.as_str();
        if text.is_none() {
            self.unexpected(node, "a text", "write it in quotes");
        }
        text
    }

    pub(super) fn flag(&mut self, node: &Node<'_, '_>) -> Option<bool> {
        let flag = node.value.as_bool();
        if flag.is_none() {
            self.unexpected(node, "true or false", "write it without quotes");
        }
        flag
    }

    /// The items of a list.
    pub(super) fn items<'d, 'i>(
        &mut self,
        node: &Node<'d, 'i>,
        expected: &str,
        example: &str,
    ) -> Vec<Node<'d, 'i>> {
        let DeValue::Array(items) = node.value else {
            self.unexpected(node, expected, example);
            return Vec::new();
        };
        let item = |(index, item): (usize, &'d Spanned<DeValue<'i>>)| Node {
            path: format!("{}[{index}]", node.path),
            span: item.span(),
            value: item.get_ref(),
        };
        items.iter().enumerate().map(item).collect()
    }

    /// The items of a list of texts, where each may come once.
    pub(super) fn texts<'d>(&mut self, node: &Node<'d, '_>) -> Vec<(&'d str, Range<usize>)> {
        let example = "example: [\"block_num\", \"from\"]";
        let items = self.items(node, "a list of columns", example);
        if items.is_empty() && node.value.is_array() {
            self.refuse(
                &node.path,
                node.span.start,
                "the list is empty",
                "name a column, or leave it out",
            );
        }
        let mut texts: Vec<(&str, Range<usize>)> = Vec::new();
        for item in items {
            let Some(text) = self.text(&item) else { continue };
            if texts.iter().any(|(other, _)| *other == text) {
                let problem = format!("{text:?} is here twice");
                self.refuse(&item.path, item.span.start, &problem, "remove one of the two");
            } else {
                texts.push((text, item.span));
            }
        }
        texts
    }

    /// The one of `choices` that is named.
    pub(super) fn choice<T: Copy>(
        &mut self,
        node: &Node<'_, '_>,
        choices: &[(&str, T)],
    ) -> Option<T> {
        let text = self.text(node)?;
        let found = choices.iter().find(|(name, _)| *name == text);
        if found.is_none() {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            let problem = format!("expected {}; found {text:?}", names.join(" or "));
            self.refuse(&node.path, node.span.start, &problem, did_you_mean(text, names));
        }
        found.map(|(_, value)| *value)
    }
}

struct Entry<'d, 'i> {
    /// Where its key stands.
    key: usize,
    node: Node<'d, 'i>,
}

/// The entries of a table that is `path` in the document.
fn entries<'d, 'i>(table: &'d DeTable<'i>, path: &str) -> Vec<(&'d str, Entry<'d, 'i>)> {
    let entry = |(key, value): (&'d Spanned<_>, &'d Spanned<DeValue<'i>>)| {
        let name: &'d std::borrow::Cow<'i, str> = key.get_ref();
        let path = if path.is_empty() { name.to_string() } else { format!("{path}.{name}") };
        let node = Node { path, span: value.span(), value: value.get_ref() };
        (&**name, Entry { key: key.span().start, node })
    };
    table.iter().map(entry).collect()
}

/// What is wrong at a place of the options file.
pub(crate) fn mistake(
    spot: &Spot,
    path: &str,
    problem: &str,
    remedy: impl Into<String>,
) -> Mistake {
    Mistake {
        subject: "AMPSYNC_CONFIG".to_owned(),
        problem: spot.tell(path, problem),
        remedy: remedy.into(),
    }
}

/// The nearest of the names, or all of them.
pub(crate) fn did_you_mean(wanted: &str, names: Vec<&str>) -> String {
    match nearest(wanted, names.clone()) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("write one of {}", names.join(", ")),
    }
}

fn kind(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => {
            format!("the text {:?}", text.chars().take(40).collect::<String>())
        }
        DeValue::Integer(number) => format!("the number {}", number.as_str()),
        DeValue::Float(number) => format!("the number {}", number.as_str()),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(_) => "a date".to_owned(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}
