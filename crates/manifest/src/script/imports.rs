//! What a module imports, and where it says so.

use oxc_span::Span;
use oxc_syntax::module_record::{ImportImportName, ModuleRecord};

/// One `import`, `export … from` or `import("…")`.
pub(super) struct Import {
    pub(super) specifier: String,
    /// The names it takes, and where; `default` among them.
    pub(super) names: Vec<(String, usize)>,
    /// Where the specifier is.
    pub(super) offset: usize,
}

/// The imports of a module whose text is `text`.
pub(super) fn of(record: &ModuleRecord<'_>, text: &str) -> Vec<Import> {
    let mut imports: Vec<Import> = Vec::new();
    for (specifier, requests) in &record.requested_modules {
        let Some(first) = requests.first() else { continue };
        let names = record
            .import_entries
            .iter()
            .filter(|entry| entry.module_request.name == *specifier && !entry.is_type);
        let names = names.filter_map(|entry| match &entry.import_name {
            ImportImportName::Name(name) => Some((name.name.to_string(), start(name.span))),
            ImportImportName::Default(span) => Some(("default".to_owned(), start(*span))),
            ImportImportName::NamespaceObject => None,
        });
        let (names, offset) = (names.collect(), start(first.span));
        imports.push(Import { specifier: specifier.to_string(), names, offset });
    }
    for import in &record.dynamic_imports {
        let offset = start(import.module_request);
        let written = text.get(offset..end(import.module_request)).unwrap_or_default();
        let specifier = written.trim_matches(['"', '\'', '`']).to_owned();
        imports.push(Import { specifier, names: Vec::new(), offset });
    }
    imports.sort_by_key(|import| import.offset);
    imports
}

pub(super) fn start(span: Span) -> usize {
    usize::try_from(span.start).unwrap_or(usize::MAX)
}

fn end(span: Span) -> usize {
    usize::try_from(span.end).unwrap_or(usize::MAX)
}
