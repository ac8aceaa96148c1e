use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, PackageId};

/// A crate, what it must not depend on even by way of others, and why.
struct Rule {
    of: &'static str,
    without: &'static [&'static str],
    because: &'static str,
}

const RULES: &[Rule] = &[
    Rule {
        of: "ampsync-manifest",
        without: &["tokio", "tokio-postgres", "tonic", "hyper", "sync-core"],
        because: "it turns text into a value: no network, no runtime, no database",
    },
    Rule {
        of: "ampsync-schema",
        without: &["tokio", "futures", "tokio-postgres", "tonic", "nozzle-client", "sync-core"],
        because: "migration tools embed it: it computes DDL and touches nothing",
    },
    Rule {
        of: "sync-core",
        without: &[
            "tonic",
            "arrow-flight",
            "tokio-postgres",
            "clap",
            "nozzle-client",
            "ampsync-schema",
        ],
        because: "the engine owns the ports; adapters depend on it and never the other way",
    },
    Rule {
        of: "nozzle-client",
        without: &["tokio-postgres", "ampsync-manifest", "ampsync-schema", "sqlparser", "clap"],
        because: "it is a client of the protocol for anybody, whatever they do with the rows",
    },
    Rule {
        of: "sink-postgres",
        without: &["nozzle-client", "ampsync-manifest", "tonic", "arrow-flight", "clap"],
        because: "it writes what the engine tells it to, wherever the rows come from",
    },
    Rule {
        of: "nozzle-sim",
        without: &[
            "sink-postgres",
            "nozzle-client",
            "sync-core",
            "ampsync-schema",
            "tokio-postgres",
        ],
        because: "it is an independent witness of the protocol and shares no code with what it tests",
    },
    Rule {
        of: "ampsync-testkit",
        without: &[
            "sink-postgres",
            "nozzle-client",
            "nozzle-sim",
            "sync-core",
            "ampsync-schema",
            "pgpq",
        ],
        because: "it is the other opinion: an encoder must not be checked with itself",
    },
    Rule {
        of: "ampsync",
        without: &["nozzle-sim", "ampsync-testkit"],
        because: "what tests need is not for production",
    },
];

/// The workspace and its dependencies for this machine.
fn metadata() -> Metadata {
    let rustc = Command::new("rustc").arg("-vV").output().unwrap();
    let rustc = String::from_utf8(rustc.stdout).unwrap();
    let host = rustc.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let options = ["--locked", "--offline", "--filter-platform", host];
    MetadataCommand::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .other_options(options.map(str::to_owned))
        .exec()
        .unwrap()
}

/// What each package needs to be built, without what only its tests need.
fn edges(metadata: &Metadata) -> BTreeMap<&PackageId, Vec<&PackageId>> {
    let nodes = &metadata.resolve.as_ref().unwrap().nodes;
    let normal = nodes.iter().map(|node| {
        let deps = node
            .deps
            .iter()
            .filter(|dep| dep.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal));
        (&node.id, deps.map(|dep| &dep.pkg).collect())
    });
    normal.collect()
}

/// A way from a package of the workspace to one of `targets`, by what is built into it.
fn path(metadata: &Metadata, from: &str, targets: &[&str]) -> Option<String> {
    let edges = edges(metadata);
    let mut packages = metadata.workspace_packages().into_iter();
    let start = packages.find(|package| package.name == from).unwrap();
    let mut paths = vec![vec![&start.id]];
    let mut seen = BTreeSet::new();
    while let Some(path) = paths.pop() {
        let last = *path.last().unwrap();
        if targets.contains(&metadata[last].name.as_str()) {
            let names: Vec<&str> = path.iter().map(|id| metadata[*id].name.as_str()).collect();
            return Some(names.join(" -> "));
        }
        if seen.insert(last) {
            let next = edges[last].iter();
            paths.extend(next.map(|next| path.iter().copied().chain([*next]).collect::<Vec<_>>()));
        }
    }
    None
}

#[test]
fn dependencies_point_inward() {
    let metadata = metadata();
    for Rule { of, without, because } in RULES {
        let found = path(&metadata, of, without);
        assert_eq!(found, None, "{because}");
    }
}

#[test]
fn a_dependency_by_way_of_others_is_found() {
    let found = path(&metadata(), "ampsync", &["postgres-protocol"]).unwrap();
    assert!(
        found.starts_with("ampsync -> ") && found.ends_with(" -> postgres-protocol"),
        "{found}"
    );
}

#[test]
fn every_package_of_the_workspace_is_looked_after() {
    for package in metadata().workspace_packages() {
        let manifest = std::fs::read_to_string(&package.manifest_path).unwrap();
        assert!(
            manifest.contains("[lints]\nworkspace = true"),
            "{} has its own lints",
            package.name
        );
        let known = package.name == "xtask" || RULES.iter().any(|rule| package.name == rule.of);
        assert!(known, "{} has no rule about what it may depend on", package.name);
        let mut in_dependencies = false;
        for line in manifest.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if line.starts_with('[') {
                in_dependencies = line.ends_with("dependencies]");
            } else if in_dependencies && !line.starts_with([' ', ']', '"']) {
                // A crate that tests depend on in a circle is named by its path alone.
                let path_alone = line.contains("path = ") && !line.contains("version");
                assert!(
                    line.contains("workspace = true") || path_alone,
                    "{}: `{line}`: versions are in the workspace's table",
                    package.name
                );
            }
        }
    }
}
