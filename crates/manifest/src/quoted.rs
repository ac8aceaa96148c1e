//! Names as identifiers of a query.

use crate::names::is_dataset_name;

/// Words that SQL parsers may not take for a name. A word too many does no harm: quoting a
/// lower-case name does not change it.
const RESERVED: [&str; 60] = [
    "all",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "between",
    "by",
    "case",
    "cast",
    "column",
    "cross",
    "current",
    "default",
    "desc",
    "distinct",
    "else",
    "end",
    "except",
    "exists",
    "false",
    "fetch",
    "filter",
    "following",
    "for",
    "from",
    "full",
    "group",
    "having",
    "in",
    "inner",
    "intersect",
    "into",
    "is",
    "join",
    "lateral",
    "left",
    "like",
    "limit",
    "natural",
    "not",
    "null",
    "offset",
    "on",
    "or",
    "order",
    "outer",
    "over",
    "partition",
    "right",
    "row",
    "select",
    "settings",
    "table",
    "then",
    "true",
    "union",
    "user",
    "using",
    "where",
];

/// `name` as an identifier of a query: as it is where that means the same, otherwise in quotes.
pub(crate) fn quoted(name: &str) -> String {
    if is_dataset_name(name) && !RESERVED.contains(&name) {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}
