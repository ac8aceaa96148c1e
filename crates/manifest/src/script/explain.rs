//! What a person is told of an error that came out of a config.

use std::path::Path;

use rquickjs::{Coerced, Object, Value};

use super::session::Session;
use super::source::Syntax;
use crate::diagnostic::{Diagnostic, Diagnostics, Position};
use crate::host::Limits;

/// The property of an error that says which of the session's failures it stands for.
pub(super) const FAILURE_KEY: &str = "ampsync:failure";

/// Characters of a message that are shown.
const MESSAGE_CHARS_MAX: usize = 400;

/// What there is in Node and not here.
const NODE_GLOBALS: [&str; 6] = ["Buffer", "__dirname", "__filename", "Deno", "Bun", "navigator"];

pub(super) fn out_of_time(path: &Path, limits: Limits) -> Diagnostic {
    let problem = format!("the config was not evaluated within {:?}", limits.time_max);
    Diagnostic::of_file(path, problem, "look for a loop that does not end, or does too much")
}

pub(super) fn never_settled(path: &Path) -> Diagnostic {
    let problem = "the config waits for a promise that is never settled";
    let remedy = "look for an `await` of something that nothing resolves; there are no timers and no network to do it later";
    Diagnostic::of_file(path, problem, remedy)
}

/// What `thrown` means, at the place where it was thrown.
pub(super) fn thrown(session: &Session, thrown: &Value<'_>) -> Diagnostics {
    let object = thrown.as_object();
    let stack = object.and_then(|object| text(object, "stack")).unwrap_or_default();
    let at_stack = |problem: Diagnostic| placed(session, problem, &stack);
    if session.is_late() {
        return at_stack(out_of_time(session.path(), session.limits)).into();
    }
    if let Some(failure) = object.and_then(|object| failure(session, object)) {
        // What is wrong with a module has its place there, and what is called has it in the stack.
        let only = failure.iter().next().filter(|_| failure.iter().len() == 1);
        return match only {
            Some(only) if only.position().is_none() && only.path().is_empty() => {
                at_stack(only.clone()).into()
            }
            Some(_) | None => failure,
        };
    }
    let name = object.and_then(|object| text(object, "name")).unwrap_or_default();
    let message = object.and_then(|object| text(object, "message")).unwrap_or_default();
    if thrown.is_null() || (name == "InternalError" && message == "out of memory") {
        let limit = session.limits.memory_bytes_max >> 20;
        let problem = format!("the config takes more than {limit} MiB of memory");
        let remedy = "look for a loop or a text that grows without end";
        return at_stack(Diagnostic::of_file(session.path(), problem, remedy)).into();
    }
    if name == "RangeError" && message.contains("call stack size exceeded") {
        let problem = "the config calls itself without end";
        let remedy = "look for a function that calls itself, and for what should end that";
        return at_stack(Diagnostic::of_file(session.path(), problem, remedy)).into();
    }
    if let Some(missing) = missing_export(session, &message) {
        return missing.into();
    }
    at_stack(uncaught(session.path(), thrown, &name, &message)).into()
}

/// An error that the config itself, or the language, has thrown.
fn uncaught(path: &Path, thrown: &Value<'_>, name: &str, message: &str) -> Diagnostic {
    let message: String = message.chars().take(MESSAGE_CHARS_MAX).collect();
    if !thrown.is_error() {
        let shown = thrown.get::<Coerced<String>>().map_or_else(|_| String::new(), |text| text.0);
        let shown: String = shown.chars().take(MESSAGE_CHARS_MAX).collect();
        let remedy = "remove the reason; throwing `new Error(..)` would tell the line, too";
        return Diagnostic::of_file(path, format!("the config throws {shown:?}"), remedy);
    }
    let unknown = message.strip_suffix(" is not defined");
    let (problem, remedy) = match unknown {
        Some(name) if NODE_GLOBALS.contains(&name) => (
            format!("{name} is not there: configs are run without Node.js"),
            "write it without, or build the manifest to JSON and name that file",
        ),
        Some(_) => (format!("{name}: {message}"), "define or import it, or correct its name"),
        None if name == "Error" => (
            format!("the config throws an error: {message}"),
            "remove the reason that the message tells",
        ),
        None => (format!("{name}: {message}"), "correct it there; this is what JavaScript says"),
    };
    Diagnostic::of_file(path, problem, remedy)
}

/// The text that a property has, whatever the property is.
fn text(object: &Object<'_>, key: &str) -> Option<String> {
    object.get::<_, Option<Coerced<String>>>(key).ok().flatten().map(|text| text.0)
}

fn failure(session: &Session, object: &Object<'_>) -> Option<Diagnostics> {
    let index: Option<usize> = object.get(FAILURE_KEY).ok().flatten();
    session.failure(index?)
}

/// A module that lacks what another one imports from it.
fn missing_export(session: &Session, message: &str) -> Option<Diagnostic> {
    let rest = message.strip_prefix("Could not find export '")?;
    let (name, rest) = rest.split_once("' in module '")?;
    let module = rest.strip_suffix('\'')?;
    let remedy = "export it there, or correct its name here";
    let shown = if module == super::session::BUILTIN_ID {
        "the package that defines datasets".to_owned()
    } else {
        module.to_owned()
    };
    let problem = format!("{shown} has no export {name:?}");
    for (id, source) in session.all() {
        for import in &source.imports {
            let offset = import.names.iter().find(|(taken, _)| taken == name);
            let Some((_, offset)) = offset else { continue };
            if session.resolve(&id, &import.specifier).is_ok_and(|target| target == module) {
                let position = Position::of(&source.text, *offset);
                let problem = Diagnostic::of_file(&source.path, problem, remedy);
                return Some(problem.at(&source.text, position, ""));
            }
        }
    }
    Some(Diagnostic::of_file(session.path(), problem, remedy))
}

/// The problem at the innermost place of `stack` that is in a file.
fn placed(session: &Session, problem: Diagnostic, stack: &str) -> Diagnostic {
    for (index, frame) in stack.lines().enumerate() {
        let Some((id, run)) = place(frame) else { continue };
        let Some(source) = session.known(id) else { continue };
        // Modules with `require` are run as the body of a function that begins a line before.
        let before = usize::from(source.syntax == Syntax::CommonJs);
        let run = Position { line: run.line.saturating_sub(before).max(1), ..run };
        let position = source.positions.written(&source.text, run);
        // What was called from there is above it.
        let position = call_start(&source.text, position, index > 0);
        let problem = Diagnostic::of_file(&source.path, problem.problem(), problem.remedy());
        return problem.at(&source.text, position, "");
    }
    problem
}

/// `    at name (file:line:column)`, or the same without a name.
fn place(frame: &str) -> Option<(&str, Position)> {
    let frame = frame.trim().strip_prefix("at ")?;
    let place = frame
        .strip_suffix(')')
        .and_then(|frame| frame.split_once(" ("))
        .map_or(frame, |(_, place)| place);
    let (rest, column) = place.rsplit_once(':')?;
    let (id, line) = rest.rsplit_once(':')?;
    Some((id, Position { line: line.parse().ok()?, column: column.parse().ok()? }))
}

/// The engine gives a place between the brackets of a call for the call: this is where the name of
/// what is called starts. Where nothing `was_called`, only the start of the brackets tells a call,
/// which is how errors are made.
fn call_start(text: &str, at: Position, was_called: bool) -> Position {
    let line = text.lines().nth(at.line.saturating_sub(1)).unwrap_or_default();
    let before: String = line.chars().take(at.column.saturating_sub(1)).collect();
    let arguments = before.rfind(open_bracket()).map(|open| before.split_at(open + 1));
    let Some((called, given)) = arguments else { return at };
    let called = called.trim_end_matches('(');
    // The first argument may be a template, of which the engine gives the first value.
    let starts = given.is_empty() || (given.starts_with('`') && given.ends_with("${"));
    if !was_called && !starts {
        return at;
    }
    let name = |char: char| char.is_alphanumeric() || char == '_' || char == '$';
    let start = called.trim_end_matches(name);
    if start.len() == called.len() {
        return at;
    }
    Position { column: start.chars().count() + 1, ..at }
}

/// From the end, the first `(` that is not closed.
fn open_bracket() -> impl FnMut(char) -> bool {
    let mut closed = 0_usize;
    move |char| match char {
        ')' => {
            closed += 1;
            false
        }
        '(' if closed == 0 => true,
        '(' => {
            closed -= 1;
            false
        }
        _ => false,
    }
}
