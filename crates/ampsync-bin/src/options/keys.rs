//! The keys of the options file. Reading and the documentation are made of these tables.

/// One key, as the person who writes it knows it.
#[derive(Debug)]
#[cfg_attr(not(test), expect(dead_code, reason = "what is said of a key is for its documentation"))]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    /// What its value is.
    pub(crate) value: &'static str,
    /// What it is for.
    pub(crate) doc: &'static str,
}

macro_rules! keys {
    ($(#[doc = $about:literal] $list:ident { $(#[doc = $doc:literal] $name:literal: $value:literal,)+ })+) => {
        $(
            #[doc = $about]
            pub(crate) const $list: &[Key] =
                &[$(Key { name: $name, value: $value, doc: $doc }),+];
        )+
    };
}

keys! {
    /// What a table has.
    OF_TABLE {
        /// What PostgreSQL calls the table, instead of what the dataset calls it.
        "name": "a name",
        /// The PostgreSQL schema it is in, instead of `DATABASE_SCHEMA`; created if it is not there.
        "schema": "a name",
        /// The table's comment.
        "comment": "a text",
        /// Only these columns, and the block column: the server sends no others.
        "columns": "a list of columns",
        /// Only the rows for which this SQL expression is true: the server sends no others.
        "where": "a text",
        /// The columns of the primary key; there is none otherwise.
        "primary_key": "a list of columns",
        /// The indexes it has besides, a section `[[tables.NAME.indexes]]` each.
        "indexes": "a list of indexes",
        /// The PostgreSQL types of columns, by column: `bigint`, `numeric`, `numeric(78,0)`, `text`, `hex` or `jsonb`.
        "types": "a table of texts",
        /// The comments of columns, by column.
        "comments": "a table of texts",
        /// What becomes of NUL characters in texts, instead of `NUL_IN_TEXT`.
        "nul": "`error` or `strip`",
        /// What becomes of values beyond the range of their column, instead of `VALUES_OUT_OF_RANGE`.
        "out_of_range": "`error` or `null`",
    }
    /// What an index has.
    OF_INDEX {
        /// What is indexed; it has to be there.
        "columns": "a list of columns",
        /// Whether no two rows may have the same values.
        "unique": "`true` or `false`, the default",
        /// How it is built.
        "method": "`btree`, the default, `brin`, `hash` or `gin`",
    }
}

pub(super) fn names(keys: &[Key]) -> Vec<&'static str> {
    keys.iter().map(|key| key.name).collect()
}
