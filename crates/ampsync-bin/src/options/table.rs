//! What the options file says of one table.

use ampsync_manifest::Position;
use ampsync_manifest::query::{Filter, Selection};
use ampsync_schema::{
    ColumnOptions, ColumnType, Ident, IndexMethod, IndexOptions, Place, TableOptions,
};
use sink_postgres::{NulPolicy, RangePolicy};

use super::keys;
use super::spot::Spot;
use super::walk::{Node, Walk, did_you_mean};
use crate::settings::schema_name;

const METHODS: [&str; 4] = ["btree", "brin", "hash", "gin"];
const TYPES: [&str; 6] = ["bigint", "numeric", "numeric(78,0)", "text", "hex", "jsonb"];

/// What the options file says of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TableConfig {
    /// Where its name stands.
    pub(crate) at: Spot,
    pub(crate) name: Option<Ident>,
    pub(crate) schema: Option<Ident>,
    pub(crate) selection: Selection,
    pub(crate) table: TableOptions,
    pub(crate) nul: Option<NulPolicy>,
    pub(crate) out_of_range: Option<RangePolicy>,
    /// Everywhere a column is named.
    pub(crate) columns: Vec<NamedColumn>,
    /// Where the filter's columns stand, by their positions in its text.
    pub(crate) filter: Vec<(Option<Position>, Spot)>,
}

/// A column, where it is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NamedColumn {
    pub(crate) name: String,
    pub(crate) role: Role,
    /// Where in the document, such as `tables.transfers.primary_key`.
    pub(crate) path: String,
    pub(crate) at: Spot,
}

/// As what a column is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// As one of those that are wanted.
    Wanted,
    /// As something the table's options ask for.
    Option(Place),
}

/// Reads the table at `node`, whose name stands at `at`. What is wrong is left out.
pub(super) fn read(walk: &mut Walk<'_>, at: usize, node: &Node<'_, '_>) -> TableConfig {
    let mut config = TableConfig {
        at: walk.source.spot(at),
        name: None,
        schema: None,
        selection: Selection::default(),
        table: TableOptions::default(),
        nul: None,
        out_of_range: None,
        columns: Vec::new(),
        filter: Vec::new(),
    };
    let (mut columns, mut filter) = (Vec::new(), None);
    for (key, value) in walk.entries(node, &keys::names(keys::OF_TABLE)) {
        match key {
            "name" => config.name = identifier(walk, &value, table_name),
            "schema" => config.schema = identifier(walk, &value, schema_name),
            "comment" => config.table.comment = comment(walk, &value),
            "columns" => columns = named(walk, &mut config, &value, &Role::Wanted),
            "where" => filter = read_filter(walk, &mut config, &value),
            "primary_key" => {
                let role = Role::Option(Place::PrimaryKey);
                config.table.primary_key = named(walk, &mut config, &value, &role);
            }
            "indexes" => indexes(walk, &mut config, &value),
            "types" => types(walk, &mut config, &value),
            "comments" => comments(walk, &mut config, &value),
            "nul" => {
                let choices = [("error", NulPolicy::Error), ("strip", NulPolicy::Strip)];
                config.nul = walk.choice(&value, &choices);
            }
            "out_of_range" => {
                let choices = [("error", RangePolicy::Error), ("null", RangePolicy::Null)];
                config.out_of_range = walk.choice(&value, &choices);
            }
            // There is no other key.
            _ => {}
        }
    }
    config.selection = Selection::new(columns, filter);
    config
}

fn table_name(text: &str) -> Result<Ident, String> {
    Ident::new(text).map_err(|error| format!("the name of a table, but {error}"))
}

fn identifier(
    walk: &mut Walk<'_>,
    node: &Node<'_, '_>,
    parse: impl Fn(&str) -> Result<Ident, String>,
) -> Option<Ident> {
    let text = walk.text(node)?;
    let refuse = |expected: String| {
        let problem = format!("expected {expected}; found {text:?}");
        walk.refuse(&node.path, node.span.start, &problem, "choose another name");
    };
    parse(text).map_err(refuse).ok()
}

fn comment(walk: &mut Walk<'_>, node: &Node<'_, '_>) -> Option<String> {
    let text = walk.text(node)?;
    if text.contains('\0') {
        walk.refuse(&node.path, node.span.start, "PostgreSQL has no NUL character", "remove it");
        return None;
    }
    Some(text.to_owned())
}

/// A list of columns.
fn named(
    walk: &mut Walk<'_>,
    config: &mut TableConfig,
    node: &Node<'_, '_>,
    role: &Role,
) -> Vec<String> {
    let mut names = Vec::new();
    for (name, span) in walk.texts(node) {
        let at = walk.source.spot(span.start);
        let (role, path, name) = (role.clone(), node.path.clone(), name.to_owned());
        config.columns.push(NamedColumn { name: name.clone(), role, path, at });
        names.push(name);
    }
    names
}

fn read_filter(
    walk: &mut Walk<'_>,
    config: &mut TableConfig,
    node: &Node<'_, '_>,
) -> Option<Filter> {
    let spot = |walk: &Walk<'_>, position| walk.source.spot_inside(&node.span, position);
    match Filter::parse(walk.text(node)?) {
        Ok(filter) => {
            let everywhere = filter.unknown(|_| false).map(|(_, position)| position);
            config.filter = everywhere.map(|at| (at, spot(walk, at))).collect();
            Some(filter)
        }
        Err(problems) => {
            for problem in problems {
                let at = spot(walk, problem.position());
                walk.refuse_at(
                    &at,
                    node.span.start,
                    &node.path,
                    problem.problem(),
                    problem.remedy(),
                );
            }
            None
        }
    }
}

fn indexes(walk: &mut Walk<'_>, config: &mut TableConfig, node: &Node<'_, '_>) {
    let example = format!("write [[{}]] and its keys below", node.path);
    for (index, item) in walk.items(node, "a list of indexes", &example).into_iter().enumerate() {
        let mut options = IndexOptions::default();
        let entries = walk.entries(&item, &keys::names(keys::OF_INDEX));
        if item.value.is_table() && !entries.iter().any(|(key, _)| *key == "columns") {
            let remedy = "example: columns = [\"from\"]";
            walk.refuse(&item.path, item.span.start, "the index has no `columns`", remedy);
        }
        for (key, value) in entries {
            match key {
                "columns" => {
                    let role = Role::Option(Place::Index(index + 1));
                    options.columns = named(walk, config, &value, &role);
                }
                "unique" => options.unique = walk.flag(&value).unwrap_or_default(),
                "method" => options.method = method(walk, &value).unwrap_or_default(),
                // There is no other key.
                _ => {}
            }
        }
        config.table.indexes.push(options);
    }
}

fn method(walk: &mut Walk<'_>, node: &Node<'_, '_>) -> Option<IndexMethod> {
    let text = walk.text(node)?;
    let method = text.parse();
    if method.is_err() {
        let problem = format!("expected {}; found {text:?}", METHODS.join(" or "));
        walk.refuse(&node.path, node.span.start, &problem, did_you_mean(text, METHODS.to_vec()));
    }
    method.ok()
}

fn types(walk: &mut Walk<'_>, config: &mut TableConfig, node: &Node<'_, '_>) {
    for (column, at, value) in walk.named_entries(node, "a table of types by column") {
        note(walk, config, column, at, &value);
        let Some(text) = walk.text(&value) else { continue };
        match text.parse::<ColumnType>() {
            Ok(ty) => option(config, column).ty = Some(ty),
            Err(_) => {
                let problem = format!("expected one of {}; found {text:?}", TYPES.join(", "));
                let remedy = did_you_mean(text, TYPES.to_vec());
                walk.refuse(&value.path, value.span.start, &problem, remedy);
            }
        }
    }
}

fn comments(walk: &mut Walk<'_>, config: &mut TableConfig, node: &Node<'_, '_>) {
    for (column, at, value) in walk.named_entries(node, "a table of comments by column") {
        note(walk, config, column, at, &value);
        if let Some(comment) = comment(walk, &value) {
            option(config, column).comment = Some(comment);
        }
    }
}

fn note(walk: &Walk<'_>, config: &mut TableConfig, column: &str, at: usize, value: &Node<'_, '_>) {
    config.columns.push(NamedColumn {
        name: column.to_owned(),
        role: Role::Option(Place::Columns),
        path: value.path.clone(),
        at: walk.source.spot(at),
    });
}

fn option<'c>(config: &'c mut TableConfig, column: &str) -> &'c mut ColumnOptions {
    config.table.columns.entry(column.to_owned()).or_default()
}
