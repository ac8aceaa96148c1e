//! A flag for each setting, and which verb has which.

use std::collections::BTreeMap;
use std::ffi::OsString;

use clap::builder::ValueParser;
use clap::{Arg, ArgMatches};

use crate::settings::{ALL, Group, Spec, flag};

/// The values of the flags of settings, by the variable that means the same.
pub(super) fn given(matches: &ArgMatches) -> BTreeMap<String, OsString> {
    let variables = ALL.iter().flat_map(|spec| [Some(spec.name.to_owned()), spec.file_name()]);
    // A verb does not have all of them.
    let value = |name: &str| matches.try_get_one::<OsString>(name).ok().flatten().cloned();
    variables.flatten().filter_map(|name| Some((name.clone(), value(&name)?))).collect()
}

/// The flags of all settings.
pub(super) fn all() -> Vec<Arg> {
    of(|_| true)
}

/// The flags of the settings in these groups.
pub(super) fn of_groups(groups: &[Group]) -> Vec<Arg> {
    of(|spec| groups.contains(&spec.group))
}

/// The flags of these settings.
pub(super) fn of_settings(specs: &[&Spec]) -> Vec<Arg> {
    of(|spec| specs.iter().any(|wanted| wanted.name == spec.name))
}

fn of(is_wanted: impl Fn(&Spec) -> bool) -> Vec<Arg> {
    ALL.iter().filter(|spec| is_wanted(spec)).flat_map(|spec| arguments(spec)).collect()
}

/// The flag of a setting, and the one that names a file with its value.
fn arguments(spec: &Spec) -> Vec<Arg> {
    let argument = |variable: &str, value: &'static str, help: String| {
        Arg::new(variable.to_owned())
            .long(flag(variable))
            .value_name(value)
            .value_parser(ValueParser::os_string())
            .help(help)
            .help_heading(spec.group.heading())
    };
    let names = std::iter::once(&spec.name).chain(spec.aliases);
    let names = names.copied().collect::<Vec<_>>().join(", ");
    let mut help = format!("{} [env: {names}]", spec.text());
    if let Some(default) = spec.default {
        help = format!("{help} [default: {default}]");
    }
    let file = spec.file_name().map(|name| {
        let help = format!("A file with the value of {} [env: {name}]", spec.name);
        argument(&name, "PATH", help).hide_short_help(true)
    });
    let plain = argument(spec.name, spec.value, help).hide_short_help(!spec.common);
    std::iter::once(plain).chain(file).collect()
}
