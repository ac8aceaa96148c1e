//! From the file as it is written to a valid manifest, or everything that is wrong with it.

use std::path::Path;
use std::str::FromStr;

use arrow_schema::{Field, Fields};

use crate::arrow;
use crate::check::{Checker, Node};
use crate::dataset_ref::DatasetRef;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::functions;
use crate::manifest::{Dependency, Kind, Manifest, Table};
use crate::names::{InvalidName, Revision, TableName, is_version, snake_case};
use crate::places::Places;
use crate::raw::{RawArrow, RawDependency, RawInput, RawManifest, RawSchema, RawTable};

const CONFIG: &str =
    r#"write an object such as {"name": "eth", "tables": {"logs": {"sql": "SELECT ..."}}}"#;
const TABLES: &str = r#"write an object such as {"logs": {"sql": "SELECT ..."}}"#;
const NO_TABLES: &str = "the dataset has no tables";
const TABLE: &str = r#"write an object such as {"sql": "SELECT ..."}"#;
const SQL: &str = "write the table's query as one text";
const DEPENDENCY: &str = r#"write a text such as "my/eth@1.0.0""#;
const FIELDS: &str = r#"write {"arrow": {"fields": [...]}}, or build the manifest again"#;
const OLD_SCHEMA: &str = r#"write an object such as {"blocks": {"number": "UInt64"}}"#;

/// Checks the text of the file.
pub(crate) fn manifest(file: &Path, text: &str) -> Result<Manifest, Diagnostics> {
    finish(Checker::new(file, text), file)
}

/// Checks the document that evaluating the file has given.
pub(crate) fn evaluated(
    file: &Path,
    document: &str,
    places: &Places,
) -> Result<Manifest, Diagnostics> {
    finish(Checker::of_evaluated(file, document, places), file)
}

fn finish(mut checker: Checker<'_>, file: &Path) -> Result<Manifest, Diagnostics> {
    let manifest = read(&mut checker, file);
    match (Diagnostics::new(checker.into_problems()), manifest) {
        (Some(problems), _) => Err(problems),
        (None, Some(manifest)) => Ok(manifest),
        // Whoever gives up says why; should one not, the file is still refused.
        (None, None) => Err(Diagnostic::of_file(file, "the file is no config", CONFIG).into()),
    }
}

fn read<'a>(checker: &mut Checker<'a>, file: &Path) -> Option<Manifest> {
    let root = checker.document()?;
    let raw: RawManifest<'_> = checker.object(&root, "an object", CONFIG)?;
    checker.note_others(&root, &RawManifest::KEYS);
    let kind = match root.member("kind", raw.kind) {
        None => Kind::Config,
        Some(node) => kind(checker, &node)?,
    };
    if raw.name.is_none() && kind == Kind::Config {
        let problem = "the dataset's `name` is missing";
        checker.problem(&root, problem, r#"add one such as "name": "eth""#);
    }
    descriptive(checker, &root, &raw);
    let tables = match (root.member("tables", raw.tables), root.member("schema", raw.schema)) {
        (Some(node), _) => tables(checker, &node, &kind),
        (None, Some(node)) => old_raw_tables(checker, &node),
        (None, None) => {
            checker.problem(&root, NO_TABLES, r#"add "tables": {"logs": {"sql": "SELECT ..."}}"#);
            Vec::new()
        }
    };
    Some(Manifest {
        file: file.to_owned(),
        kind,
        namespace: name(checker, root.member("namespace", raw.namespace)),
        name: name(checker, root.member("name", raw.name)),
        version: root.member("version", raw.version).and_then(|node| version(checker, &node)),
        network: root.member("network", raw.network).and_then(|node| {
            let remedy = r#"write it as a text such as "mainnet""#;
            checker.text(&node, "the name of a network", remedy)
        }),
        dependencies: root
            .member("dependencies", raw.dependencies)
            .map(|node| dependencies(checker, &node))
            .unwrap_or_default(),
        tables,
        functions: root
            .member("functions", raw.functions)
            .map(|node| functions::functions(checker, &node))
            .unwrap_or_default(),
        notes: checker.take_notes(),
    })
}

/// What describes the dataset to people, and is only checked.
fn descriptive<'a>(checker: &mut Checker<'a>, root: &Node<'a>, raw: &RawManifest<'a>) {
    let texts = [
        ("readme", raw.readme),
        ("repository", raw.repository),
        ("description", raw.description),
        ("license", raw.license),
    ];
    for node in texts.into_iter().filter_map(|(key, raw)| root.member(key, raw)) {
        checker.scalar::<String>(&node, "a text", "write it in quotes, or leave it out");
    }
    for (key, raw) in [("keywords", raw.keywords), ("sources", raw.sources)] {
        let Some(node) = root.member(key, raw) else { continue };
        let remedy = r#"write a list such as ["one", "two"], or leave it out"#;
        for item in checker.items(&node, "an array of texts", remedy).unwrap_or_default() {
            checker.scalar::<String>(&item, "a text", remedy);
        }
    }
    let flags = [("private", raw.private), ("finalized_blocks_only", raw.finalized_blocks_only)];
    for node in flags.into_iter().filter_map(|(key, raw)| root.member(key, raw)) {
        checker.scalar::<bool>(&node, "true or false", "write true or false without quotes");
    }
    if let Some(node) = root.member("startBlock", raw.start_block) {
        let remedy = "write the number of a block without quotes, or leave it out";
        checker.scalar::<u64>(&node, "the number of a block", remedy);
    }
}

fn kind<'a>(checker: &mut Checker<'a>, node: &Node<'a>) -> Option<Kind> {
    let remedy = r#"write it as a text such as "manifest""#;
    let kind = checker.text(node, "the kind of a dataset", remedy)?;
    // `sql` is what derived datasets were called for some weeks of 2025.
    let derived = kind == "manifest" || kind == "sql";
    Some(if derived { Kind::Derived } else { Kind::Raw(kind) })
}

/// A text that is a name of its kind.
fn name<'a, T>(checker: &mut Checker<'a>, node: Option<Node<'a>>) -> Option<T>
where
    T: FromStr<Err = InvalidName>,
{
    let node = node?;
    let text = checker.text(&node, "a name", "write it as a text")?;
    parsed(checker, &node, &text)
}

/// `text` as a name of its kind; what is wrong with it is a problem of `node`.
pub(crate) fn parsed<'a, T>(checker: &mut Checker<'a>, node: &Node<'a>, text: &str) -> Option<T>
where
    T: FromStr<Err = InvalidName>,
{
    text.parse()
        .map_err(|error: InvalidName| {
            let remedy = match text.to_lowercase() {
                lower if lower != text && lower.parse::<T>().is_ok() => format!("write {lower:?}"),
                _ => "choose another one".to_owned(),
            };
            checker.problem(node, error.to_string(), remedy);
        })
        .ok()
}

fn version<'a>(checker: &mut Checker<'a>, node: &Node<'a>) -> Option<Revision> {
    let remedy = r#"write it as a text such as "1.0.0""#;
    let text = checker.text(node, "a version", remedy)?;
    if !is_version(&text) {
        checker.expected(node, "a version of three numbers", remedy);
        return None;
    }
    parsed(checker, node, &text)
}

fn dependencies<'a>(checker: &mut Checker<'a>, node: &Node<'a>) -> Vec<Dependency> {
    let remedy = r#"write an object such as {"eth": "my/eth@1.0.0"}"#;
    let entries = checker.entries(node, "an object of dependencies by alias", remedy);
    let mut dependencies = Vec::new();
    for (alias, node) in entries.unwrap_or_default() {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if !alias.starts_with(|c: char| c.is_ascii_alphabetic()) || !alias.chars().all(plain) {
            let problem = format!(
                "{alias:?} is not an alias: expected letters, digits and _, starting with a letter"
            );
            checker.problem(&node, problem, "rename it, here and in the queries");
        }
        dependencies.extend(dependency(checker, alias, &node));
    }
    dependencies
}

fn dependency<'a>(checker: &mut Checker<'a>, alias: String, node: &Node<'a>) -> Option<Dependency> {
    if node.is_text() {
        let text = checker.text(node, "a dataset", DEPENDENCY)?;
        let dataset: DatasetRef = parsed(checker, node, &text)?;
        let version = dataset.revision().map(ToString::to_string);
        let namespace = dataset.namespace().cloned();
        return Some(Dependency { alias, namespace, name: dataset.name().clone(), version });
    }
    let raw: RawDependency<'_> = checker.object(node, "a dataset", DEPENDENCY)?;
    if raw.name.is_none() {
        checker.problem(node, "the dependency's `name` is missing", DEPENDENCY);
    }
    let version = node
        .member("version", raw.version)
        .and_then(|node| checker.text(&node, "a version", r#"write it as a text such as "1.0.0""#));
    let name = name(checker, node.member("name", raw.name))?;
    Some(Dependency { alias, namespace: None, name, version })
}

fn tables<'a>(checker: &mut Checker<'a>, node: &Node<'a>, kind: &Kind) -> Vec<Table> {
    let entries = checker.entries(node, "an object of tables by name", TABLES);
    if entries.as_ref().is_some_and(Vec::is_empty) {
        checker.problem(node, NO_TABLES, TABLES);
    }
    let mut tables = Vec::new();
    let mut known: Vec<(String, String)> = Vec::new();
    for (key, node) in entries.unwrap_or_default() {
        let name: Option<TableName> = parsed(checker, &node, &key);
        if let Some(name) = &name {
            table_name(checker, &node, name, &mut known);
        }
        let content = table(checker, &node, kind);
        if let (Some(name), Some((sql, columns))) = (name, content) {
            tables.push(Table { name, sql, columns });
        }
    }
    tables
}

/// Names that a server or a database would take for another one, or for its own.
fn table_name<'a>(
    checker: &mut Checker<'a>,
    node: &Node<'a>,
    name: &TableName,
    known: &mut Vec<(String, String)>,
) {
    let name = name.as_str();
    if name.starts_with('_') {
        let problem = format!("{name:?} starts with _, which is reserved");
        checker.problem(node, problem, "rename the table");
    }
    let snake = snake_case(name);
    if let Some((other, _)) = known.iter().find(|(_, same)| *same == snake) {
        let problem =
            format!("{name:?} and {other:?} are the same table, {snake:?}, in snake_case");
        checker.problem(node, problem, "rename one of the two");
    }
    known.push((name.to_owned(), snake));
}

/// The query and the columns of a table.
fn table<'a>(
    checker: &mut Checker<'a>,
    node: &Node<'a>,
    kind: &Kind,
) -> Option<(Option<String>, Option<Fields>)> {
    let raw: RawTable<'_> = checker.object(node, "an object", TABLE)?;
    checker.note_others(node, &RawTable::KEYS);
    let columns = node.member("schema", raw.schema).and_then(|node| schema(checker, &node));
    let node_sql = match (node.member("sql", raw.sql), node.member("input", raw.input)) {
        (Some(sql), _) => Some(sql),
        (None, Some(input)) => {
            let remedy = r#"write an object such as {"sql": "SELECT ..."}"#;
            let raw: RawInput<'_> = checker.object(&input, "an object", remedy)?;
            input.member("sql", raw.sql)
        }
        (None, None) => None,
    };
    let sql = match (node_sql, kind) {
        (Some(sql), _) => Some(checker.text(&sql, "a query", SQL)?),
        (None, Kind::Raw(_)) => None,
        (None, Kind::Config) => {
            checker.problem(node, "the table's `sql` is missing", TABLE);
            return None;
        }
        (None, Kind::Derived) => {
            let remedy = r#"add "input": {"sql": "SELECT ..."}, or build the manifest again"#;
            checker.problem(node, "the table's `input.sql` is missing", remedy);
            return None;
        }
    };
    Some((sql, columns))
}

fn schema<'a>(checker: &mut Checker<'a>, node: &Node<'a>) -> Option<Fields> {
    let raw: RawSchema<'_> = checker.object(node, "an object", FIELDS)?;
    let Some(arrow) = node.member("arrow", raw.arrow) else {
        checker.problem(node, "the schema's `arrow` is missing", FIELDS);
        return None;
    };
    let raw: RawArrow<'_> = checker.object(&arrow, "an object", FIELDS)?;
    let Some(fields) = arrow.member("fields", raw.fields) else {
        checker.problem(&arrow, "the schema's `fields` are missing", FIELDS);
        return None;
    };
    arrow::fields(checker, &fields)
}

/// Raw manifests before October 2025: table → column → type, in no order.
fn old_raw_tables<'a>(checker: &mut Checker<'a>, node: &Node<'a>) -> Vec<Table> {
    let entries = checker.entries(node, "an object of tables by name", OLD_SCHEMA);
    if entries.as_ref().is_some_and(Vec::is_empty) {
        checker.problem(node, NO_TABLES, OLD_SCHEMA);
    }
    let mut tables = Vec::new();
    for (key, node) in entries.unwrap_or_default() {
        let name: Option<TableName> = parsed(checker, &node, &key);
        let columns = checker.entries(&node, "an object of types by column", OLD_SCHEMA);
        let columns: Fields = columns
            .unwrap_or_default()
            .into_iter()
            .filter_map(|(column, node)| {
                let data_type = arrow::data_type(checker, &node)?;
                Some(Field::new(column, data_type, true))
            })
            .collect();
        tables.extend(name.map(|name| Table { name, sql: None, columns: Some(columns) }));
    }
    tables
}
