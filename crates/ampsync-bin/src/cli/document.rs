//! `docs/configuration.md`, made of what the program reads: every setting, and every key of the
//! options file.

use std::fmt::Write as _;

use expect_test::expect_file;

use super::{command, help};
use crate::options::{Key, OF_INDEX, OF_TABLE};
use crate::settings::{ALL, Group, Spec, Variable, flag, is_reloaded};

const INTRODUCTION: &str = "\
<!-- Made of the program's own tables; a test compares. UPDATE_EXPECT=1 cargo test -p ampsync configuration -->

# Configuration

Every setting is an environment variable and a flag. A flag goes before variables, and an empty value counts as
not set. Give passwords and tokens in variables or files: other users of the machine can see flags.

- **Other names**: several variables that mean the same may be set to the same value; different ones are a mistake.
- **From a file**: the variable or flag names a file that has the value; line breaks at its end are left out.
- **For** names the commands that have the setting, `sync` being `ampsync` alone.
- **Reload** says whether a [reload](reload.md) takes a changed value, or only the next start.

Mistakes in all of them are told at once, each with what to do, and end the program with 2.

## All settings
";

const OPTIONS: &str = "
## Options of single tables

`AMPSYNC_CONFIG` names a TOML file with a section `[tables.NAME]` for each table that is to be other than usual, by the
name that the dataset gives it. Every key may be left out. What they mean together, and which of them may be
changed later, is in the [README](../README.md#one-table).
";

#[test]
fn the_configuration_is_documented_as_it_is() {
    expect_file!["../../../../docs/configuration.md"].assert_eq(&document());
}

#[test]
fn the_example_of_an_options_file_has_every_key() {
    for key in OF_TABLE.iter().chain(OF_INDEX) {
        let line = |line: &str| {
            line.starts_with(&format!("{} = ", key.name))
                || line.starts_with(&format!("[tables.transfers.{}]", key.name))
                || line.starts_with(&format!("[[tables.transfers.{}]]", key.name))
        };
        assert!(example().lines().any(line), "{}", key.name);
    }
}

fn document() -> String {
    let mut text = INTRODUCTION.to_owned();
    for group in Group::ALL {
        let heading = group.heading();
        write!(text, "\n**{heading}**\n\n| setting | default | commonly set |\n|---|---|---|\n")
            .unwrap();
        for spec in of(group) {
            let (name, anchor) = (spec.name, spec.name.to_lowercase());
            let (default, common) = (default(spec), if spec.common { "yes" } else { "" });
            writeln!(text, "| [`{name}`](#{anchor}) | {default} | {common} |").unwrap();
        }
    }
    for group in Group::ALL {
        write!(text, "\n## {}\n", group.heading()).unwrap();
        of(group).for_each(|spec| text.push_str(&setting(spec)));
    }
    text.push_str(OPTIONS);
    text.push_str(&keys("key", OF_TABLE));
    text.push_str("\nAn index has:\n");
    text.push_str(&keys("key of an index", OF_INDEX));
    write!(text, "\nAll of them at once:\n\n```toml\n{}```\n", example()).unwrap();
    text
}

fn of(group: Group) -> impl Iterator<Item = &'static Spec> {
    ALL.iter().copied().filter(move |spec| spec.group == group)
}

fn default(spec: &Spec) -> String {
    spec.default.map(|default| format!("`{default}`")).unwrap_or_default()
}

fn setting(spec: &Spec) -> String {
    let name = spec.name;
    let mut rows = vec![("Flag", format!("`--{} {}`", flag(name), spec.value.replace('|', "\\|")))];
    if !spec.aliases.is_empty() {
        rows.push(("Other names", code(spec.aliases)));
    }
    if let Some(file) = spec.file_name() {
        let files = spec.variables().into_iter().filter(|variable| variable.is_file);
        let files: Vec<_> = files.map(|Variable { name, .. }| name).collect();
        rows.push(("From a file", format!("{}; `--{}`", code(&files), flag(&file))));
    }
    let none = || "not set".to_owned();
    rows.push((
        "Default",
        Some(default(spec)).filter(|text| !text.is_empty()).unwrap_or_else(none),
    ));
    rows.push(("Example", format!("`{name}={}`", spec.example.replace('|', "\\|"))));
    rows.push(("For", code(&verbs(spec))));
    let reload = if is_reloaded(spec) { "taken" } else { "takes a restart" };
    rows.push(("Reload", reload.to_owned()));

    let mut text = format!("\n### `{name}`\n\n{}\n\n| | |\n|---|---|\n", spec.text());
    for (what, value) in rows {
        writeln!(text, "| {what} | {value} |").unwrap();
    }
    text
}

/// The commands that have the setting.
fn verbs(spec: &Spec) -> Vec<String> {
    let command = command();
    let verbs = command.get_subcommands();
    let has = verbs.filter(|verb| verb.get_arguments().any(|flag| flag.get_id() == spec.name));
    has.map(|verb| verb.get_name().to_owned()).collect()
}

fn code(names: &[impl AsRef<str>]) -> String {
    let names = names.iter().map(|name| format!("`{}`", name.as_ref()));
    names.collect::<Vec<_>>().join(", ")
}

fn keys(heading: &str, keys: &[Key]) -> String {
    let mut text = format!("\n| {heading} | value | |\n|---|---|---|\n");
    for Key { name, value, doc } in keys {
        writeln!(text, "| `{name}` | {value} | {} |", doc.trim()).unwrap();
    }
    text
}

/// The example of the help, without what stands before it.
fn example() -> String {
    let (_, example) = help::OPTIONS_FILE.split_once(":\n\n").unwrap();
    example.lines().map(|line| format!("{}\n", line.trim_start())).collect()
}
