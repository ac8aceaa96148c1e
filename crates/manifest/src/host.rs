//! What evaluating a config may use of the world, and how much of the machine.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::Path;
use std::time::Duration;

/// Reads the text of files: the one way in which this crate reaches the world.
///
/// Any `Fn(&Path) -> io::Result<String>` is one, so that `&std::fs::read_to_string::<&Path>` does
/// for the disk and a closure over a map for a test.
pub trait FileLoader {
    /// The text of the file at `path`, which is the path given to [`load`](crate::load), or one
    /// that follows from it by an import.
    ///
    /// # Errors
    /// When the file cannot be read, or is not UTF-8 ([`io::ErrorKind::InvalidData`]). An import
    /// without extension is looked for under several names, so files that are not there
    /// ([`io::ErrorKind::NotFound`]) and folders are asked for, too.
    fn read(&self, path: &Path) -> io::Result<String>;
}

impl<F: Fn(&Path) -> io::Result<String>> FileLoader for F {
    fn read(&self, path: &Path) -> io::Result<String> {
        self(path)
    }
}

/// How loud a config says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ConsoleLevel {
    /// `console.debug` and `console.trace`.
    Debug,
    /// `console.log` and `console.info`.
    Info,
    /// `console.warn`.
    Warn,
    /// `console.error`.
    Error,
}

/// How much of the machine the evaluation of a config may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// From the first statement to the finished value, without the time that the [`FileLoader`]
    /// takes.
    pub time_max: Duration,
    /// Bytes of the values of the config at one time.
    pub memory_bytes_max: usize,
}

impl Default for Limits {
    /// Two seconds and 64 MiB, a hundred times what configs take.
    fn default() -> Self {
        Self { time_max: Duration::from_secs(2), memory_bytes_max: 64 << 20 }
    }
}

impl Limits {
    /// See [`time_max`](Self::time_max).
    #[must_use]
    pub fn with_time_max(mut self, time_max: Duration) -> Self {
        self.time_max = time_max;
        self
    }

    /// See [`memory_bytes_max`](Self::memory_bytes_max).
    #[must_use]
    pub fn with_memory_bytes_max(mut self, memory_bytes_max: usize) -> Self {
        self.memory_bytes_max = memory_bytes_max;
        self
    }
}

/// The world as a config sees it.
///
/// ```
/// use std::path::Path;
/// use ampsync_manifest::{Host, load};
///
/// let config = r#"
///     export default () => ({
///         name: process.env.NAME || "eth",
///         tables: { logs: { sql: "SELECT * FROM mainnet.logs" } },
///     })
/// "#;
/// let files = |_: &Path| Ok(config.to_owned());
/// let manifest = load(Path::new("nozzle.config.ts"), &Host::new(&files))?;
/// assert_eq!(manifest.dataset().unwrap().to_string(), "eth");
/// # Ok::<(), ampsync_manifest::Diagnostics>(())
/// ```
pub struct Host<'a> {
    pub(crate) files: &'a dyn FileLoader,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) console: &'a dyn Fn(ConsoleLevel, &str),
    pub(crate) limits: Limits,
}

impl<'a> Host<'a> {
    /// A world of files: no environment variables, and what the config prints is dropped.
    #[must_use]
    pub fn new(files: &'a dyn FileLoader) -> Self {
        Self { files, environment: BTreeMap::new(), console: &|_, _| {}, limits: Limits::default() }
    }

    /// What `process.env` holds. Leave secrets out: a config can put what it reads into a query.
    #[must_use]
    pub fn with_environment(
        mut self,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        self.environment = variables.into_iter().collect();
        self
    }

    /// Where the lines of `console.log` and its sisters go, each as it is printed. Only so many
    /// are passed on; the rest is dropped with a last line that says so.
    #[must_use]
    pub fn with_console(mut self, console: &'a dyn Fn(ConsoleLevel, &str)) -> Self {
        self.console = console;
        self
    }

    /// Other limits than the default.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

impl fmt::Debug for Host<'_> {
    /// Without the values of the variables.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.environment.keys().collect();
        f.debug_struct("Host")
            .field("environment", &names)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
