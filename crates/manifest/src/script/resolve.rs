//! From what an import says to the module it means.

use std::path::{Component, Path, PathBuf};

use serde_json::Value;

use crate::diagnostic::Diagnostic;

/// The names under which configs have imported the package that defines datasets.
pub(super) const BUILTIN: [&str; 5] =
    ["nozzl", "@edgeandnode/amp", "@nozzle/nozzle", "@nozzle/cli", "@graphprotocol/nozzle"];

/// Modules of Node; those with a slash go with the part before it.
const NODE: [&str; 39] = [
    "assert",
    "async_hooks",
    "buffer",
    "child_process",
    "cluster",
    "console",
    "constants",
    "crypto",
    "dgram",
    "diagnostics_channel",
    "dns",
    "domain",
    "events",
    "fs",
    "http",
    "http2",
    "https",
    "inspector",
    "module",
    "net",
    "os",
    "path",
    "perf_hooks",
    "process",
    "punycode",
    "querystring",
    "readline",
    "repl",
    "stream",
    "string_decoder",
    "timers",
    "tls",
    "tty",
    "url",
    "util",
    "v8",
    "vm",
    "worker_threads",
    "zlib",
];

/// In the order in which they are tried.
const EXTENSIONS: [&str; 7] = ["ts", "mts", "cts", "js", "mjs", "cjs", "json"];

/// A relative path does not say how many folders are above it, so that many are tried.
const ABOVE_MAX: usize = 16;

/// What is meant by an import.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// The package that defines datasets, which is built in.
    Builtin,
    /// A file that can be read.
    File(PathBuf),
}

/// Why there is no module.
#[derive(Debug)]
pub(super) enum Unresolved {
    /// It is not there, or cannot be had, and this is what to do.
    Refused { problem: String, remedy: String },
    /// A file on the way to it cannot be read.
    Unreadable(Diagnostic),
}

impl Unresolved {
    fn refused(problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Refused { problem: problem.into(), remedy: remedy.into() }
    }
}

impl From<Diagnostic> for Unresolved {
    fn from(unreadable: Diagnostic) -> Self {
        Self::Unreadable(unreadable)
    }
}

/// Whether there is a file; an error when there is one that cannot be read.
pub(super) trait Files {
    fn exists(&self, path: &Path) -> Result<bool, Diagnostic>;
    fn text(&self, path: &Path) -> Result<Option<String>, Diagnostic>;
}

/// The module that `specifier` means in the file at `base`.
pub(super) fn resolve(
    files: &dyn Files,
    base: &Path,
    specifier: &str,
) -> Result<Target, Unresolved> {
    let within = |package: &str| {
        let rest = specifier.strip_prefix(package);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if BUILTIN.into_iter().any(within) {
        return Ok(Target::Builtin);
    }
    if specifier.starts_with("node:") || NODE.into_iter().any(within) {
        let problem = format!("{specifier:?} is a part of Node.js, which configs are run without");
        let remedy = "remove the import; a config can import other modules and JSON files, and call ctx.functionSource for the text of a file";
        return Err(Unresolved::refused(problem, remedy));
    }
    if specifier.contains("://") || specifier.starts_with("data:") {
        let problem = format!("{specifier:?} is a URL, and configs are run without a network");
        let remedy = "save the module beside the config, and import it from there";
        return Err(Unresolved::refused(problem, remedy));
    }
    let folder = base.parent().unwrap_or(Path::new(""));
    let relative = specifier == "." || specifier == "..";
    if relative
        || specifier.starts_with("./")
        || specifier.starts_with("../")
        || specifier.starts_with('/')
    {
        return file(files, base, &joined(folder, specifier), specifier);
    }
    package(files, folder, specifier)
}

fn file(
    files: &dyn Files,
    base: &Path,
    path: &Path,
    specifier: &str,
) -> Result<Target, Unresolved> {
    for candidate in candidates(path) {
        if !files.exists(&candidate)? {
            continue;
        }
        let extension = candidate.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        if !EXTENSIONS.contains(&extension.as_str()) {
            let problem = format!("{specifier:?} is neither a script nor JSON");
            let all = EXTENSIONS.map(|extension| format!(".{extension}")).join(", ");
            let remedy = format!("import a file that ends in one of {all}");
            return Err(Unresolved::refused(problem, remedy));
        }
        return Ok(Target::File(candidate));
    }
    let problem = format!("there is no module {specifier:?} beside {}", base.display());
    let remedy = format!("check the path; it means {}", path.display());
    Err(Unresolved::refused(problem, remedy))
}

/// The files that an import of `path` may mean, in the order in which they are tried.
fn candidates(path: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    if path.file_name().is_some() {
        all.push(path.to_owned());
        // TypeScript has its modules imported by the names that they have once they are built.
        let written = match path.extension().and_then(|extension| extension.to_str()) {
            Some("js") => Some("ts"),
            Some("mjs") => Some("mts"),
            Some("cjs") => Some("cts"),
            _ => None,
        };
        all.extend(written.map(|extension| path.with_extension(extension)));
        let mut name = path.as_os_str().to_owned();
        name.push(".");
        all.extend(EXTENSIONS.map(|extension| {
            let mut name = name.clone();
            name.push(extension);
            PathBuf::from(name)
        }));
    }
    all.extend(EXTENSIONS.map(|extension| path.join(format!("index.{extension}"))));
    all
}

/// A package in `node_modules` of `folder` or one of those above.
fn package(files: &dyn Files, folder: &Path, specifier: &str) -> Result<Target, Unresolved> {
    let name_parts = if specifier.starts_with('@') { 2 } else { 1 };
    let parts: Vec<&str> = specifier.split('/').collect();
    let (name, inner) = parts.split_at(name_parts.min(parts.len()));
    let (name, inner) = (name.join("/"), inner.join("/"));
    // Nothing in here can climb out of the folder of packages.
    let plain = parts.iter().all(|part| !part.is_empty() && *part != ".." && *part != ".");
    if plain && !specifier.starts_with('#') {
        let mut folder = folder.to_owned();
        for _ in 0..ABOVE_MAX {
            let root = normalized(&folder.join("node_modules").join(&name));
            if let Some(manifest) = files.text(&root.join("package.json"))? {
                return in_package(files, &root, &manifest, &name, &inner);
            }
            let whole = if inner.is_empty() { root } else { root.join(&inner) };
            for candidate in candidates(&whole) {
                if files.exists(&candidate)? {
                    return Ok(Target::File(candidate));
                }
            }
            if folder == Path::new("/") {
                break;
            }
            folder = normalized(&folder.join(".."));
        }
    }
    let problem = format!("the package {name:?} is not installed beside the config");
    let remedy = format!(
        "install it, so that there is node_modules/{name} beside the config or in a folder above; or copy what you need of it into a file of your own; or build the manifest to JSON, and name that file"
    );
    Err(Unresolved::refused(problem, remedy))
}

/// What a package has under the path `inner`; empty for the package itself.
fn in_package(
    files: &dyn Files,
    root: &Path,
    manifest: &str,
    name: &str,
    inner: &str,
) -> Result<Target, Unresolved> {
    let broken = |problem: String| {
        Err(Unresolved::refused(
            problem,
            format!("install {name:?} again, or another version of it"),
        ))
    };
    let Ok(manifest) = serde_json::from_str::<Value>(manifest) else {
        return broken(format!("the package.json of {name:?} is not JSON"));
    };
    let targets = match manifest.get("exports") {
        Some(exports) => match exported(exports, inner) {
            Some(target) => vec![target],
            None => {
                let what = if inner.is_empty() { "itself" } else { inner };
                let problem = format!("the package {name:?} does not export {what}");
                let remedy =
                    format!("import what the `exports` in the package.json of {name:?} list");
                return Err(Unresolved::refused(problem, remedy));
            }
        },
        None if inner.is_empty() => ["module", "main"]
            .iter()
            .filter_map(|key| manifest.get(*key)?.as_str().map(str::to_owned))
            .chain([".".to_owned()])
            .collect(),
        None => vec![inner.to_owned()],
    };
    for target in targets {
        let path = joined(root, &target);
        if !path.starts_with(root) {
            return broken(format!("the package.json of {name:?} leaves its folder: {target:?}"));
        }
        for candidate in candidates(&path) {
            if files.exists(&candidate)? {
                return Ok(Target::File(candidate));
            }
        }
    }
    broken(format!("the file of the package {name:?} that is meant is missing"))
}

/// The path that `exports` of a package has for `inner`.
fn exported(exports: &Value, inner: &str) -> Option<String> {
    let wanted = if inner.is_empty() { ".".to_owned() } else { format!("./{inner}") };
    let by_path = exports.as_object().filter(|map| map.keys().any(|key| key.starts_with('.')));
    let Some(by_path) = by_path else {
        return (wanted == ".").then(|| conditional(exports, 0)).flatten();
    };
    if let Some(exact) = by_path.get(&wanted) {
        return conditional(exact, 0);
    }
    by_path.iter().find_map(|(pattern, target)| {
        let (before, after) = pattern.split_once('*')?;
        let star = wanted.strip_prefix(before)?.strip_suffix(after)?;
        Some(conditional(target, 0)?.replace('*', star))
    })
}

/// The first target whose condition holds. Configs are run like modules, without Node.
fn conditional(target: &Value, depth: usize) -> Option<String> {
    const CONDITIONS: [&str; 4] = ["import", "module", "require", "default"];
    const DEPTH_MAX: usize = 8;
    match target {
        Value::String(path) => Some(path.clone()),
        Value::Array(all) if depth < DEPTH_MAX => {
            all.iter().find_map(|target| conditional(target, depth + 1))
        }
        Value::Object(by_condition) if depth < DEPTH_MAX => CONDITIONS.iter().find_map(|name| {
            by_condition.get(*name).and_then(|target| conditional(target, depth + 1))
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            None
        }
    }
}

/// `path` as seen from `folder`.
pub(super) fn joined(folder: &Path, path: &str) -> PathBuf {
    normalized(&folder.join(path))
}

/// Without `.`, and with `..` only in front. A path that is a link is not followed.
pub(super) fn normalized(path: &Path) -> PathBuf {
    let mut whole = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => match whole.components().next_back() {
                Some(Component::Normal(_)) => {
                    whole.pop();
                }
                Some(Component::RootDir | Component::Prefix(_)) => {}
                Some(Component::ParentDir | Component::CurDir) | None => whole.push(".."),
            },
            Component::Normal(_) | Component::RootDir | Component::Prefix(_) => {
                whole.push(component);
            }
        }
    }
    whole
}
