//! Which dataset the part before the dot of `eth.logs` names.

use sqlparser::ast::Ident;

use super::Names;
use crate::dataset_ref::DatasetRef;
use crate::manifest::Dependency;
use crate::names::{InvalidName, Revision};

/// Why a name cannot be resolved: what is wrong, and what to do.
pub(super) type Unresolved = (String, String);

/// What stands in the place of a dataset's name; `None` where it is right already.
pub(super) fn dataset(names: &Names<'_>, ident: &Ident) -> Result<Option<String>, Unresolved> {
    let text = &ident.value;
    if ident.quote_style.is_some() && text.contains(['/', '@']) {
        return match text.parse::<DatasetRef>() {
            Ok(_) => Ok(None),
            Err(error) => Err((error.to_string(), EXAMPLE.to_owned())),
        };
    }
    let dataset = named(names, ident)?;
    let written = written(names, &dataset);
    Ok(if written == ident.to_string() { None } else { Some(written) })
}

const EXAMPLE: &str = "write \"namespace/name@revision\".table";

/// The dataset, by whatever name the query may use for it.
fn named(names: &Names<'_>, ident: &Ident) -> Result<DatasetRef, Unresolved> {
    let text = ident.value.as_str();
    let quoted = ident.quote_style.is_some();
    let same = |name: &str| name == text || (!quoted && name.eq_ignore_ascii_case(text));
    let dependencies = names.dependencies;
    let exactly = dependencies.iter().find(|dependency| dependency.alias() == text);
    if let Some(found) = exactly.or(dependencies.iter().find(|d| same(d.alias()))) {
        return reference(found);
    }
    if same("self") {
        let unknown = || {
            let problem = "`self` is this dataset, whose name is not known".to_owned();
            (problem, "set DATASET, or add a `name` to the config".to_owned())
        };
        return names.own.cloned().ok_or_else(unknown);
    }
    // Until November 2025 queries named datasets, and aliases were for decoration.
    let mut found = Vec::new();
    found.extend(names.own.filter(|own| same(own.name().as_str())).cloned());
    for dependency in dependencies.iter().filter(|d| same(d.name().as_str())) {
        found.push(reference(dependency)?);
    }
    found.dedup();
    match found.len() {
        0 => Err(unknown(names, text)),
        1 => Ok(found.remove(0)),
        _ => Err((
            format!("`{text}` is the name of several datasets"),
            "write the alias of the dependency that is meant".to_owned(),
        )),
    }
}

fn unknown(names: &Names<'_>, text: &str) -> Unresolved {
    let problem = format!("`{text}` is no alias of a dependency");
    let aliases: Vec<&str> = names.dependencies.iter().map(Dependency::alias).collect();
    let remedy = match aliases.as_slice() {
        [] => format!("add it to `dependencies`, or {EXAMPLE}"),
        aliases => {
            format!("add it to `dependencies`, which has {}, or {EXAMPLE}", aliases.join(", "))
        }
    };
    (problem, remedy)
}

fn reference(dependency: &Dependency) -> Result<DatasetRef, Unresolved> {
    let revision = dependency.version().map(str::parse).transpose().map_err(|error| {
        let InvalidName { given, .. } = error;
        let alias = dependency.alias();
        let problem =
            format!("the dependency `{alias}` asks for {given:?}, which is no single revision");
        (problem, format!("name one in `dependencies`, such as \"{alias}\": \"ns/name@1.0.0\""))
    })?;
    let revision: Option<Revision> = revision;
    Ok(DatasetRef::new(dependency.namespace().cloned(), dependency.name().clone(), revision))
}

/// The dataset as a query writes it, and such that it would be read as the same again.
fn written(names: &Names<'_>, dataset: &DatasetRef) -> String {
    let quoted = dataset.quoted();
    let plain = dataset.to_string();
    if plain.contains(['/', '@']) {
        return quoted;
    }
    // A bare name might also be the alias of another dataset.
    let bare = Ident::with_quote('"', &plain);
    match named(names, &bare) {
        Ok(again) if again == *dataset => quoted,
        Ok(_) | Err(_) => format!("\"_/{plain}\""),
    }
}
