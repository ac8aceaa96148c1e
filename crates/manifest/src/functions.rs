//! The functions of a dataset.

use crate::arrow;
use crate::check::{Checker, Node};
use crate::manifest::Function;
use crate::raw::{RawFunction, RawFunctionSource};

const FUNCTIONS: &str = r#"write an object such as {"double": {"inputTypes": ["Int64"], "outputType": "Int64", "source": "..."}}"#;
const INPUTS: &str = r#"write a list of types such as ["Int64", "Utf8"]"#;
const SOURCE: &str = "write the script as one text, or ctx.functionSource(\"file.js\") in a config";

/// The functions, from an object of them by name.
pub(crate) fn functions<'a>(checker: &mut Checker<'a>, node: &Node<'a>) -> Vec<Function> {
    let entries = checker.entries(node, "an object of functions by name", FUNCTIONS);
    let mut functions = Vec::new();
    for (name, node) in entries.unwrap_or_default() {
        let first = |c: char| c.is_ascii_alphabetic() || c == '_';
        if !name.starts_with(first) || !name.chars().all(|c| first(c) || c.is_ascii_digit()) {
            let problem = format!(
                "{name:?} is not the name of a function: expected letters, digits and _, not starting with a digit"
            );
            checker.problem(&node, problem, "rename it, here and in the queries");
        }
        functions.extend(function(checker, name, &node));
    }
    functions
}

fn function<'a>(checker: &mut Checker<'a>, name: String, node: &Node<'a>) -> Option<Function> {
    let raw: RawFunction<'_> = checker.object(node, "a function", FUNCTIONS)?;
    checker.note_others(node, &RawFunction::KEYS);
    let inputs = required(checker, node, "inputTypes", raw.input_types);
    let input_types = inputs.and_then(|node| {
        let items = checker.items(&node, "an array of Arrow types", INPUTS)?;
        let count = items.len();
        let types: Vec<_> =
            items.iter().filter_map(|item| arrow::data_type(checker, item)).collect();
        (types.len() == count).then_some(types)
    });
    let output = required(checker, node, "outputType", raw.output_type);
    let output_type = output.and_then(|node| arrow::data_type(checker, &node));
    let source = required(checker, node, "source", raw.source);
    let source = source.and_then(|node| source_of(checker, &node));
    let (source, filename) = source?;
    Some(Function { name, input_types: input_types?, output_type: output_type?, source, filename })
}

/// The script and the name of its file, from a text or from what `ctx.functionSource` gives.
fn source_of<'a>(checker: &mut Checker<'a>, node: &Node<'a>) -> Option<(String, Option<String>)> {
    if node.is_text() {
        return Some((checker.text(node, "a script", SOURCE)?, None));
    }
    let raw: RawFunctionSource<'_> = checker.object(node, "a script", SOURCE)?;
    let text = required(checker, node, "source", raw.source);
    let text = text.and_then(|node| checker.text(&node, "a script", SOURCE));
    let filename = match node.member("filename", raw.filename) {
        Some(node) => Some(checker.text(&node, "the name of a file", SOURCE)?),
        None => None,
    };
    Some((text?, filename))
}

fn required<'a>(
    checker: &mut Checker<'a>,
    node: &Node<'a>,
    key: &str,
    raw: Option<&'a serde_json::value::RawValue>,
) -> Option<Node<'a>> {
    let member = node.member(key, raw);
    if member.is_none() {
        checker.problem(node, format!("the function's `{key}` is missing"), FUNCTIONS);
    }
    member
}
