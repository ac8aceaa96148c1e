//! The names of indexes and constraints, and where names clash.

use std::collections::BTreeMap;
use std::fmt;

use crate::ident::{BYTES_MAX, Ident, InvalidIdent, QualifiedName};
use crate::options::{IndexMethod, IndexOptions, TableOptions};

/// The kind of the index on the block column.
///
/// A retraction must cost what it deletes, not what the table holds. A B-tree does that at once;
/// a BRIN index reads every page that was filled since it was last summarised, which right after
/// a load is most of the table.
pub(crate) const BLOCK_INDEX: IndexMethod = IndexMethod::BTree;

/// `{table}_{middle}_{end}`, as PostgreSQL itself would call it. A name that is too long is cut
/// and gets a hash of the whole, so that no two become one.
fn derived(table: &str, middle: &[&str], end: &str) -> String {
    let mut whole = table.to_owned();
    for part in middle.iter().chain([&end]) {
        whole.push('_');
        whole.push_str(part);
    }
    if whole.len() <= BYTES_MAX {
        return whole;
    }
    let end = format!("_{:08x}_{end}", hash(&whole));
    let mut cut = BYTES_MAX - end.len();
    while !whole.is_char_boundary(cut) {
        cut -= 1;
    }
    whole.truncate(cut);
    whole + &end
}

/// FNV-1a, because it is the same for ever and everywhere.
fn hash(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// What is kept beside `table` is called so: `logs__next` with the end `next`. A name that is too
/// long is cut and gets a hash, as those of indexes do.
///
/// # Errors
/// When the end is no part of a name.
pub fn beside(table: &Ident, end: &str) -> Result<Ident, InvalidIdent> {
    Ident::new(derived(table.as_str(), &[], &format!("_{end}")))
}

/// The name that an index of `table` gets by itself, with these key columns; that of the primary
/// key where it is one. Numbered when the plain one is `taken`.
///
/// # Errors
/// When a column is no part of a name.
pub fn index_name(
    table: &Ident,
    columns: &[String],
    primary: bool,
    taken: impl Fn(&str) -> bool,
) -> Result<Ident, InvalidIdent> {
    let columns: Vec<_> = columns.iter().map(String::as_str).collect();
    Ident::new(match primary {
        true => free_primary_key(table.as_str(), taken),
        false => index(table.as_str(), &columns, taken),
    })
}

/// The name of the primary key's constraint.
pub(crate) fn primary_key(table: &str) -> String {
    derived(table, &[], "pkey")
}

/// The name of a primary key's constraint, numbered when the plain one is `taken`.
pub(crate) fn free_primary_key(table: &str, taken: impl Fn(&str) -> bool) -> String {
    free(|number| derived(table, &[], &format!("pkey{number}")), taken)
}

/// The name of an index, numbered when the plain one is `taken`.
pub(crate) fn index(table: &str, columns: &[&str], taken: impl Fn(&str) -> bool) -> String {
    free(|number| derived(table, columns, &format!("idx{number}")), taken)
}

fn free(name: impl Fn(&str) -> String, taken: impl Fn(&str) -> bool) -> String {
    let mut free = name("");
    let mut number = 0_u32;
    while taken(&free) {
        number += 1;
        free = name(&number.to_string());
    }
    free
}

/// The indexes a table gets beside its primary key, and their names: those that were asked for,
/// and one on the block column. None that another one, or the primary key, makes superfluous.
pub(crate) fn indexes(
    table: &str,
    options: &TableOptions,
    block_column: &str,
) -> Vec<(String, IndexOptions)> {
    let key = &options.primary_key;
    let begins = |columns: &[String]| columns.first().is_some_and(|first| first == block_column);
    let ordered = |index: &&IndexOptions| index.method == BLOCK_INDEX;
    let mut wanted = Vec::new();
    if !begins(key) && !options.indexes.iter().filter(ordered).any(|index| begins(&index.columns)) {
        let columns = vec![block_column.to_owned()];
        wanted.push(IndexOptions { columns, unique: false, method: BLOCK_INDEX });
    }
    let is_key = |index: &IndexOptions| {
        !key.is_empty() && index.columns == *key && index.method == IndexMethod::BTree
    };
    let stronger = |index: &IndexOptions| {
        let unique = IndexOptions { unique: true, ..index.clone() };
        !index.unique && options.indexes.contains(&unique)
    };
    let asked = options.indexes.iter().filter(|index| !is_key(index) && !stronger(index));
    wanted.extend(asked.cloned());
    let key = (!key.is_empty()).then(|| primary_key(table));
    let mut named: Vec<(String, IndexOptions)> = Vec::with_capacity(wanted.len());
    for index_options in wanted {
        let columns: Vec<_> = index_options.columns.iter().map(String::as_str).collect();
        let taken = |name: &str| {
            key.as_deref() == Some(name) || named.iter().any(|(other, _)| other == name)
        };
        let name = index(table, &columns, taken);
        named.push((name, index_options));
    }
    named
}

/// Two tables of a plan that cannot both be created, because something has the same name.
/// Indexes have their names in common with tables.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Clash {
    /// The name that is used twice.
    pub name: QualifiedName,
    /// Whose it is first.
    pub first: Relation,
    /// Whose it is again.
    pub second: Relation,
}

/// What has a name: a table, or an index of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Relation {
    /// The table itself.
    Table,
    /// An index, or the primary key, of this table.
    IndexOf(QualifiedName),
}

impl fmt::Display for Clash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, first, second } = self;
        write!(f, "{name} is the name of {first} and of {second}")
    }
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table => f.write_str("a table"),
            Self::IndexOf(table) => write!(f, "an index of {table}"),
        }
    }
}

/// Where the names of several tables, or those of their indexes, clash: every clash at once.
/// Neither the streams' schemas nor a database are needed.
#[must_use]
pub fn clashes<'a>(
    tables: impl IntoIterator<Item = (&'a QualifiedName, &'a TableOptions)>,
    block_column: &str,
) -> Vec<Clash> {
    let mut owners: BTreeMap<QualifiedName, Relation> = BTreeMap::new();
    let mut clashes = Vec::new();
    for (table, options) in tables {
        for (name, second) in relations(table, options, block_column) {
            if let Some(first) = owners.get(&name) {
                clashes.push(Clash { name, first: first.clone(), second });
            } else {
                owners.insert(name, second);
            }
        }
    }
    clashes
}

/// Everything with a name that belongs to a table.
fn relations(
    table: &QualifiedName,
    options: &TableOptions,
    block_column: &str,
) -> Vec<(QualifiedName, Relation)> {
    let mut names = Vec::new();
    if !options.primary_key.is_empty() {
        names.push(primary_key(table.name.as_str()));
    }
    names.extend(
        indexes(table.name.as_str(), options, block_column).into_iter().map(|(name, _)| name),
    );
    let named = |name| QualifiedName { schema: table.schema.clone(), name };
    let others = names
        .into_iter()
        // An empty column in the options is refused with the table itself.
        .filter_map(|name| Ident::new(name).ok())
        .map(|name| (named(name), Relation::IndexOf(table.clone())));
    std::iter::once((table.clone(), Relation::Table)).chain(others).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_too_long_is_cut_between_characters_and_stays_its_own() {
        let long = "é".repeat(31);
        let a = index(&long, &["a"], |_| false);
        let b = index(&long, &["b"], |_| false);
        assert!(a.len() == 62 || a.len() == 63, "{a}");
        assert!(a.starts_with("éé") && a.ends_with("_idx"), "{a}");
        assert_ne!(a, b);
        assert!(Ident::new(primary_key(&long)).is_ok());
    }

    #[test]
    fn what_is_beside_a_table_has_a_name_of_its_own_however_long() {
        let name = |table: &str, end: &str| beside(&Ident::new(table).unwrap(), end).unwrap();
        assert_eq!(name("logs", "next").as_str(), "logs__next");
        let long = "a".repeat(63);
        let (next, first) = (name(&long, "next"), name(&long, "v1"));
        assert!(next.as_str().ends_with("__next") && next.as_str().len() == 63, "{next}");
        assert!(first.as_str().ends_with("__v1"), "{first}");
        assert_ne!(next, name(&format!("{}b", "a".repeat(62)), "next"));
    }

    #[test]
    fn a_name_that_is_taken_gets_a_number() {
        let taken = ["t_a_idx", "t_a_idx1"];
        assert_eq!(index("t", &["a"], |name| taken.contains(&name)), "t_a_idx2");
        assert_eq!(free_primary_key("t", |name| name == "t_pkey"), "t_pkey1");
    }

    #[test]
    fn what_another_index_does_as_well_is_left_out() {
        let index = |columns: &[&str], unique| IndexOptions {
            columns: columns.iter().map(|&column| column.to_owned()).collect(),
            unique,
            method: IndexMethod::BTree,
        };
        let options = TableOptions {
            primary_key: vec!["k".to_owned()],
            indexes: vec![index(&["k"], false), index(&["a"], false), index(&["a"], true)],
            ..TableOptions::default()
        };
        let names: Vec<_> = indexes("t", &options, "n").into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["t_n_idx", "t_a_idx"]);
    }
}
