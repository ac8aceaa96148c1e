//! What is asked of the tables beyond their streams: defaults from the environment, and the
//! options file.

use ampsync_manifest::TableName;
use ampsync_manifest::query::Selection;
use ampsync_schema::{Ident, InvalidIdent, QualifiedName};
use arrow_schema::Fields;
use sink_postgres::{SinkOptions, ValuePolicy};

use super::given::Reader;
use super::{DatasetSettings, Mistake, ReadFile, table};
use crate::columns::BLOCK_COLUMN;
use crate::options::{self, TableConfig, Tables, Target};

/// What is asked of the tables beyond their streams.
#[derive(Clone, Debug)]
pub(crate) struct TablesSettings {
    /// The schema they are in, unless they have one of their own.
    pub(crate) schema: Ident,
    values: ValuePolicy,
    /// The channel on which commits are announced.
    notify: Option<Ident>,
    configs: Tables,
}

impl TablesSettings {
    /// What the options file says of the table.
    pub(crate) fn config(&self, table: &TableName) -> Option<&TableConfig> {
        self.configs.get(table.as_str())
    }

    /// What the table is called in the database.
    pub(crate) fn target(&self, table: &TableName) -> Result<QualifiedName, InvalidIdent> {
        let config = self.config(table);
        let name = match config.and_then(|config| config.name.clone()) {
            Some(name) => name,
            None => Ident::new(table.as_str())?,
        };
        let schema = config.and_then(|config| config.schema.clone());
        Ok(QualifiedName { schema: schema.unwrap_or_else(|| self.schema.clone()), name })
    }

    /// What is wanted of the table's stream.
    pub(crate) fn selection(&self, table: &TableName) -> Selection {
        self.config(table).map(|config| config.selection.clone()).unwrap_or_default()
    }

    /// What its sink is asked for.
    pub(crate) fn sink_options(&self, table: &TableName) -> SinkOptions {
        let mut options = SinkOptions::default();
        options.values = self.values;
        options.notify.clone_from(&self.notify);
        if let Some(config) = self.config(table) {
            options.name.clone_from(&config.name);
            options.table = config.table.clone();
            options.values.nul = config.nul.unwrap_or(options.values.nul);
            options.values.out_of_range =
                config.out_of_range.unwrap_or(options.values.out_of_range);
        }
        options
    }

    /// Options of tables that the dataset does not have.
    pub(crate) fn unknown(&self, known: &[&str]) -> Vec<Mistake> {
        options::unknown_tables(&self.configs, known)
    }

    /// What cannot be of these tables, each with the column of its block numbers, for all that is
    /// known before the server is asked; `columns` are those of the whole stream.
    pub(crate) fn check(
        &self,
        tables: &[(&TableName, &str)],
        columns: impl Fn(&TableName, &str) -> Option<Fields>,
    ) -> Vec<Mistake> {
        let mut mistakes = Vec::new();
        let mut targets = Vec::new();
        for (table, block_column) in tables {
            let target = match self.target(table) {
                Ok(target) => target,
                Err(error) => {
                    mistakes.push(Mistake {
                        subject: table::TABLES.spec.name.to_owned(),
                        problem: error.to_string(),
                        remedy: "give the table another `name` in AMPSYNC_CONFIG".to_owned(),
                    });
                    continue;
                }
            };
            let config = self.config(table);
            if let Some(config) = config {
                let all = columns(table, block_column);
                let (name, all) = (table.as_str(), all.as_ref());
                mistakes.extend(options::check_columns(name, &target, config, all, block_column));
            }
            targets.push(Target {
                stream: table.as_str(),
                name: target,
                options: self.sink_options(table).table,
                config,
            });
        }
        mistakes.extend(options::clashes(&targets, BLOCK_COLUMN));
        mistakes
    }
}

pub(super) fn read(
    reader: &mut Reader<'_>,
    read_file: ReadFile<'_>,
    dataset: Option<&DatasetSettings>,
) -> Option<TablesSettings> {
    let schema = reader.get(&table::DATABASE_SCHEMA);
    let nul = reader.get(&table::NUL_IN_TEXT);
    let out_of_range = reader.get(&table::VALUES_OUT_OF_RANGE);
    let notify = match reader.is_given(table::NOTIFY_CHANNEL.spec) {
        true => reader.get(&table::NOTIFY_CHANNEL).map(Some),
        false => Some(None),
    };
    let configs = configs(reader, read_file);
    let mut values = ValuePolicy::default();
    (values.nul, values.out_of_range) = (nul?, out_of_range?);
    let tables = TablesSettings { schema: schema?, values, notify: notify?, configs: configs? };
    if let Some(dataset) = dataset {
        if let Some(known) = &dataset.known {
            let known: Vec<&str> = known.iter().map(TableName::as_str).collect();
            reader.mistakes(tables.unknown(&known));
        }
        let columns = |table: &TableName, block_column: &str| {
            dataset.columns(table, block_column).filter(|_| dataset.is_derived)
        };
        reader.mistakes(tables.check(&dataset.tables_by_block(), columns));
    }
    Some(tables)
}

/// The options file; none asks for nothing.
fn configs(reader: &mut Reader<'_>, read_file: ReadFile<'_>) -> Option<Tables> {
    let spec = table::AMPSYNC_CONFIG.spec;
    if !reader.is_given(spec) {
        return Some(Tables::new());
    }
    let path = reader.get(&table::AMPSYNC_CONFIG)?;
    let text = match read_file(&path) {
        Ok(text) => text,
        Err(error) => {
            let reason = if error.kind() == std::io::ErrorKind::NotFound {
                "there is no such file".to_owned()
            } else {
                format!("it cannot be read: {error}")
            };
            let remedy =
                "check the path, which starts in the working directory unless it is absolute";
            reader.mistake(spec.name, format!("{}: {reason}", path.display()), remedy);
            return None;
        }
    };
    let (tables, mistakes) = options::read(&path, &text);
    reader.mistakes(mistakes);
    Some(tables)
}
