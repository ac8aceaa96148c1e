//! One evaluation: the files it has read, the modules they are, and what has gone wrong.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::{Duration, Instant};

use super::resolve::{self, Files, Target, Unresolved};
use super::source::Source;
use super::{Ask, Evaluated, Job, engine};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::format::unreadable;
use crate::host::{ConsoleLevel, Limits};
use crate::places::Places;

/// Bytes of the files of one config.
const BYTES_MAX: usize = 32 << 20;
/// Characters of a line of the console.
const LINE_CHARS_MAX: usize = 4_096;
/// The name of the module that is built in.
pub(super) const BUILTIN_ID: &str = "ampsync:nozzle";

/// The way to the caller's thread.
pub(super) struct Link {
    asks: SyncSender<Ask>,
    answers: Receiver<io::Result<String>>,
}

impl Link {
    pub(super) fn new(asks: SyncSender<Ask>, answers: Receiver<io::Result<String>>) -> Self {
        Self { asks, answers }
    }

    /// Evaluates, and tells the caller what came out.
    pub(super) fn run(self, job: Job) {
        let asks = self.asks.clone();
        let outcome = evaluate(self, job);
        // A caller that has given up does not listen.
        drop(asks.send(Ask::Done(Box::new(outcome))));
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        let gone = || io::Error::other("nobody reads files any more");
        self.asks.send(Ask::Read(path.to_owned())).map_err(|_| gone())?;
        self.answers.recv().map_err(|_| gone())?
    }
}

fn evaluate(link: Link, job: Job) -> Result<Evaluated, Diagnostics> {
    let entry = resolve::normalized(&job.path);
    let source = Source::parse(&job.path, job.text)?;
    let session = Rc::new(Session {
        link,
        limits: job.limits,
        deadline: Cell::new(Instant::now() + job.limits.time_max),
        late: Cell::new(false),
        entry: id_of(&entry),
        entry_source: Rc::new(source),
        texts: RefCell::new(HashMap::new()),
        bytes: Cell::new(0),
        sources: RefCell::new(HashMap::new()),
        failures: RefCell::new(Vec::new()),
    });
    let source = Rc::clone(&session.entry_source);
    session.sources.borrow_mut().insert(session.entry.clone(), Rc::clone(&source));
    let document = engine::document(&session, &job.environment)?;
    Ok(Evaluated { document, places: session.places() })
}

pub(super) struct Session {
    link: Link,
    pub(super) limits: Limits,
    deadline: Cell<Instant>,
    late: Cell<bool>,
    /// The module that is the config.
    pub(super) entry: String,
    entry_source: Rc<Source>,
    texts: RefCell<HashMap<PathBuf, Option<Rc<str>>>>,
    bytes: Cell<usize>,
    sources: RefCell<HashMap<String, Rc<Source>>>,
    failures: RefCell<Vec<Diagnostics>>,
}

/// A module is known by its path.
fn id_of(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

impl Session {
    /// Whether the time is up. Once it is, it stays so.
    pub(super) fn is_late(&self) -> bool {
        if Instant::now() >= self.deadline.get() {
            self.late.set(true);
        }
        self.late.get()
    }

    pub(super) fn print(&self, level: ConsoleLevel, line: &str) {
        let line = line.chars().take(LINE_CHARS_MAX).collect();
        // A caller that has given up does not listen.
        drop(self.link.asks.send(Ask::Print(level, line)));
    }

    pub(super) fn places(&self) -> Places {
        Places::new(self.entry_source.text.clone(), self.entry_source.outline.clone())
    }

    /// The path of the config, as it was given.
    pub(super) fn path(&self) -> &Path {
        &self.entry_source.path
    }

    pub(super) fn is_common_js(&self) -> bool {
        self.entry_source.syntax == super::source::Syntax::CommonJs
    }

    /// The text of a file, where there is one.
    fn file(&self, path: &Path) -> Result<Option<Rc<str>>, Diagnostic> {
        if let Some(known) = self.texts.borrow().get(path) {
            return Ok(known.clone());
        }
        let began = Instant::now();
        let read = self.link.read(path);
        self.extend(began.elapsed());
        let absent =
            [io::ErrorKind::NotFound, io::ErrorKind::IsADirectory, io::ErrorKind::NotADirectory];
        let text: Option<Rc<str>> = match read {
            Ok(text) => Some(text.strip_prefix('\u{feff}').unwrap_or(&text).into()),
            Err(error) if absent.contains(&error.kind()) => None,
            Err(error) => return Err(unreadable(path, &error)),
        };
        self.bytes.set(self.bytes.get() + text.as_deref().map_or(0, str::len));
        if self.bytes.get() > BYTES_MAX {
            let problem = format!("the files of the config have more than {} MiB", BYTES_MAX >> 20);
            let remedy = "import less; a config needs little more than names and queries";
            return Err(Diagnostic::of_file(path, problem, remedy));
        }
        self.texts.borrow_mut().insert(path.to_owned(), text.clone());
        Ok(text)
    }

    /// Reading files takes no time of the config's.
    fn extend(&self, by: Duration) {
        self.deadline.set(self.deadline.get() + by);
    }

    /// The module that `specifier` means in the module `base`, by its name.
    pub(super) fn resolve(&self, base: &str, specifier: &str) -> Result<String, Diagnostics> {
        match resolve::resolve(self, Path::new(base), specifier) {
            Ok(Target::Builtin) => Ok(BUILTIN_ID.to_owned()),
            Ok(Target::File(path)) => Ok(id_of(&path)),
            Err(Unresolved::Unreadable(unreadable)) => Err(unreadable.into()),
            Err(Unresolved::Refused { problem, remedy }) => {
                let source = self.known(base);
                let file = source.as_ref().map_or(self.path(), |source| &source.path);
                let problem = Diagnostic::of_file(file, problem, remedy);
                let position = source
                    .as_ref()
                    .and_then(|source| Some((source, source.position_of_import(specifier)?)));
                Err(match position {
                    Some((source, position)) => problem.at(&source.text, position, ""),
                    None => problem,
                }
                .into())
            }
        }
    }

    /// A module that was read before.
    pub(super) fn known(&self, id: &str) -> Option<Rc<Source>> {
        self.sources.borrow().get(id).cloned()
    }

    /// Every module that was read.
    pub(super) fn all(&self) -> Vec<(String, Rc<Source>)> {
        let sources = self.sources.borrow();
        sources.iter().map(|(id, source)| (id.clone(), Rc::clone(source))).collect()
    }

    /// The module of that name.
    pub(super) fn source(&self, id: &str) -> Result<Rc<Source>, Diagnostics> {
        if let Some(known) = self.known(id) {
            return Ok(known);
        }
        let path = Path::new(id);
        let missing = || unreadable(path, &io::Error::from(io::ErrorKind::NotFound));
        let text = self.file(path)?.ok_or_else(missing)?;
        let source = Rc::new(Source::parse(path, text.as_ref().to_owned())?);
        self.sources.borrow_mut().insert(id.to_owned(), Rc::clone(&source));
        Ok(source)
    }

    /// The text of a file beside the config or below, and its name from there.
    pub(super) fn function_source(&self, asked: &str) -> Result<(String, String), Diagnostics> {
        let at = |problem: String, remedy: &str| {
            Diagnostics::from(Diagnostic::of_file(self.path(), problem, remedy))
        };
        let within = resolve::normalized(Path::new(asked));
        let named = within.file_name().is_some();
        if !named || within.has_root() || within.starts_with("..") {
            let problem = format!("ctx.functionSource({asked:?}) leaves the folder of the config");
            return Err(at(problem, "move the file beside the config, or into a folder below it"));
        }
        let path = resolve::joined(
            Path::new(&self.entry).parent().unwrap_or(Path::new("")),
            &within.to_string_lossy(),
        );
        let Some(text) = self.file(&path)? else {
            let problem = format!("ctx.functionSource({asked:?}) names a file that is not there");
            let remedy = format!("check the path; it means {}", path.display());
            return Err(at(problem, &remedy));
        };
        Ok((text.as_ref().to_owned(), id_of(&within)))
    }

    /// Keeps what has gone wrong until an error of JavaScript has come out with its number.
    pub(super) fn fail(&self, failure: Diagnostics) -> usize {
        let mut failures = self.failures.borrow_mut();
        failures.push(failure);
        failures.len() - 1
    }

    pub(super) fn failure(&self, index: usize) -> Option<Diagnostics> {
        self.failures.borrow().get(index).cloned()
    }
}

impl Files for Session {
    fn exists(&self, path: &Path) -> Result<bool, Diagnostic> {
        // The entry is there, under whatever name its text was loaded.
        Ok(self.known(&id_of(path)).is_some() || self.file(path)?.is_some())
    }

    fn text(&self, path: &Path) -> Result<Option<String>, Diagnostic> {
        Ok(self.file(path)?.map(|text| text.as_ref().to_owned()))
    }
}
