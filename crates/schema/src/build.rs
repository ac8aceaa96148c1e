//! Makes a table of a schema and options, or says everything that is wrong with them.

use std::collections::HashSet;

use arrow_schema::{DataType, Field, Schema};

use crate::ident::{Ident, QualifiedName};
use crate::naming;
use crate::options::{IndexMethod, IndexOptions, TableOptions};
use crate::pg_type::PgType;
use crate::problem::{Place, Problem, SchemaError};
use crate::table::{Column, Index, Table};

/// How many columns a PostgreSQL table can have.
const COLUMNS_MAX: usize = 1_600;
/// How many columns a key or an index can have.
const KEY_COLUMNS_MAX: usize = 32;
/// The names every PostgreSQL table uses for itself.
const SYSTEM_COLUMNS: [&str; 6] = ["cmax", "cmin", "ctid", "tableoid", "xmax", "xmin"];
/// The schemas that belong to somebody else: the bookkeeping, and PostgreSQL.
const RESERVED_SCHEMAS: [&str; 2] = ["ampsync", "information_schema"];

impl Table {
    /// The table `name` for rows of `schema`, whose block numbers are in `block_column`.
    ///
    /// # Errors
    /// When there is no such table; the error has all the reasons.
    pub fn from_arrow(
        name: QualifiedName,
        schema: &Schema,
        block_column: &str,
    ) -> Result<Self, SchemaError> {
        Self::with_options(name, schema, block_column, &TableOptions::default())
    }

    /// The table `name` for rows of `schema`, whose block numbers are in `block_column`, as
    /// `options` ask for it.
    ///
    /// # Errors
    /// When there is no such table; the error has all the reasons.
    pub fn with_options(
        name: QualifiedName,
        schema: &Schema,
        block_column: &str,
        options: &TableOptions,
    ) -> Result<Self, SchemaError> {
        let mut build = Build { schema, block_column, options, problems: Vec::new() };
        build.check_schema_name(&name.schema);
        let columns = build.columns();
        let block = schema.fields().iter().position(|field| field.name() == block_column);
        if block.is_none() {
            build.problems.push(Problem::NoBlockColumn(block_column.to_owned()));
        }
        build.check_options(&columns);
        match block {
            Some(block) if build.problems.is_empty() => Ok(build.table(name, columns, block)),
            _ => Err(SchemaError { table: name, problems: build.problems }),
        }
    }
}

struct Build<'a> {
    schema: &'a Schema,
    block_column: &'a str,
    options: &'a TableOptions,
    problems: Vec<Problem>,
}

impl Build<'_> {
    fn check_schema_name(&mut self, schema: &Ident) {
        let name = schema.as_str();
        if RESERVED_SCHEMAS.contains(&name) || name.starts_with("pg_") {
            self.problems.push(Problem::ReservedSchema(schema.clone()));
        }
    }

    /// The columns that are right; the table's columns if all are.
    fn columns(&mut self) -> Vec<Column> {
        let fields = self.schema.fields();
        let mut columns = Vec::with_capacity(fields.len());
        let mut seen = HashSet::new();
        for (index, field) in fields.iter().enumerate() {
            match Ident::new(field.name()) {
                Err(source) => self.problems.push(Problem::Name { position: index + 1, source }),
                Ok(name) if !seen.insert(name.clone()) => {
                    self.problems.push(Problem::Duplicate(name));
                }
                Ok(name) => columns.extend(self.column(name, field)),
            }
        }
        if fields.len() > COLUMNS_MAX {
            self.problems.push(Problem::TooManyColumns(fields.len()));
        }
        columns
    }

    fn column(&mut self, name: Ident, field: &Field) -> Option<Column> {
        if SYSTEM_COLUMNS.contains(&name.as_str()) {
            self.problems.push(Problem::SystemColumn(name.clone()));
        }
        let options = self.options.columns.get(field.name());
        let chosen = options.and_then(|options| options.ty);
        let column = name.clone();
        let is_block = field.name() == self.block_column;
        let ty = if is_block {
            if field.data_type() != &DataType::UInt64 {
                let (column, found) = (name.clone(), field.data_type().clone());
                self.problems.push(Problem::BlockType { column, found });
            }
            match chosen.filter(|chosen| *chosen != crate::ColumnType::BigInt) {
                Some(chosen) => Err(Problem::BlockChoice { column, chosen }),
                None => Ok(PgType::BigInt),
            }
        } else if let Some(chosen) = chosen {
            PgType::chosen(field.data_type(), chosen)
                .map_err(|source| Problem::Choice { column, source })
        } else {
            PgType::of_field(field).map_err(|source| Problem::Type { column, source })
        };
        let in_key = self.options.primary_key.iter().any(|key| key == field.name());
        match ty {
            // A row without a block number could never be retracted, and PostgreSQL has no nulls
            // in a primary key.
            Ok(ty) => Some(Column {
                name,
                ty,
                nullable: field.is_nullable() && !is_block && !in_key,
                comment: options.and_then(|options| options.comment.clone()),
            }),
            Err(problem) => {
                self.problems.push(problem);
                None
            }
        }
    }

    fn check_options(&mut self, columns: &[Column]) {
        let options = self.options;
        for (name, column) in &options.columns {
            self.check_known(&Place::Columns, name);
            if column.comment.as_ref().is_some_and(|comment| comment.contains('\0')) {
                self.problems.push(Problem::NulComment(Place::Column(name.clone())));
            }
        }
        self.check_key(&Place::PrimaryKey, &options.primary_key);
        for (index, wanted) in options.indexes.iter().enumerate() {
            self.check_index(index, wanted, columns);
        }
        if options.comment.as_ref().is_some_and(|comment| comment.contains('\0')) {
            self.problems.push(Problem::NulComment(Place::Table));
        }
    }

    fn check_known(&mut self, place: &Place, name: &str) {
        let names = || self.schema.fields().iter().map(|field| field.name().as_str());
        if !names().any(|known| known == name) {
            let nearest = nearest(name, names()).map(str::to_owned);
            let (place, column) = (place.clone(), name.to_owned());
            self.problems.push(Problem::UnknownColumn { place, column, nearest });
        }
    }

    fn check_key(&mut self, place: &Place, columns: &[String]) {
        let mut seen = HashSet::new();
        for column in columns {
            self.check_known(place, column);
            if !seen.insert(column) {
                let (place, column) = (place.clone(), column.clone());
                self.problems.push(Problem::RepeatedColumn { place, column });
            }
        }
        if columns.len() > KEY_COLUMNS_MAX {
            let (place, columns) = (place.clone(), columns.len());
            self.problems.push(Problem::TooManyKeyColumns { place, columns });
        }
    }

    fn check_index(&mut self, index: usize, wanted: &IndexOptions, columns: &[Column]) {
        let place = Place::Index(index + 1);
        let method = wanted.method;
        self.check_key(&place, &wanted.columns);
        if wanted.columns.is_empty() {
            self.problems.push(Problem::NoColumns(place.clone()));
        }
        if wanted.columns.len() > 1 && method == IndexMethod::Hash {
            self.problems.push(Problem::SeveralHashed(place.clone()));
        }
        if wanted.unique && method != IndexMethod::BTree {
            self.problems.push(Problem::NotUnique { place: place.clone(), method });
        }
        let mut seen = HashSet::new();
        for name in wanted.columns.iter().filter(|name| seen.insert(name.as_str())) {
            let column = columns.iter().find(|column| column.name.as_str() == name);
            if let Some(Column { name, ty, .. }) = column.filter(|column| !method.holds(&column.ty))
            {
                let (place, column, ty) = (place.clone(), name.clone(), ty.clone());
                self.problems.push(Problem::NotIndexable { place, method, column, ty });
            }
        }
        let earlier = &self.options.indexes[..index];
        if let Some(other) = earlier.iter().position(|other| other == wanted) {
            self.problems.push(Problem::SameIndex { place, other: other + 1 });
        }
    }

    /// Everything is known to be right.
    fn table(&self, name: QualifiedName, columns: Vec<Column>, block: usize) -> Table {
        let idents = |names: &[String]| -> Vec<Ident> {
            let of = |name: &String| columns.iter().find(|column| column.name.as_str() == name);
            names.iter().filter_map(of).map(|column| column.name.clone()).collect()
        };
        let primary_key = idents(&self.options.primary_key);
        let mut indexes: Vec<Index> = Vec::new();
        for (index_name, wanted) in
            naming::indexes(name.name.as_str(), self.options, self.block_column)
        {
            if let Ok(index_name) = Ident::new(index_name) {
                indexes.push(Index {
                    name: index_name,
                    columns: idents(&wanted.columns),
                    unique: wanted.unique,
                    method: wanted.method,
                });
            }
        }
        let comment = self.options.comment.clone();
        Table { name, columns, block, primary_key, indexes, comment }
    }
}

/// The name among `known` that was perhaps meant.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // `blockNum` and `block_num` are the same to whoever writes from memory.
    let plain = |name: &str| name.replace('_', "").to_lowercase();
    let name = plain(name);
    known
        .map(|known| (strsim::damerau_levenshtein(&name, &plain(known)), known))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, known)| *distance <= known.chars().count().div_ceil(3))
        .map(|(_, known)| known)
}
