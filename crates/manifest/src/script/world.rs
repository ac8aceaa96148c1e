//! What a config finds beside the language: the functions behind `prelude.js`.

use std::collections::BTreeMap;
use std::rc::Rc;

use rquickjs::context::EvalOptions;
use rquickjs::{Ctx, Function, Object, Value};

use super::session::{BUILTIN_ID, Session};
use super::source::Syntax;
use super::{engine, explain};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::host::ConsoleLevel;
use crate::places::child_path;

/// The global function that loads a module which is not made of `import` and `export`.
pub(super) const LOAD_KEY: &str = "ampsync:load";
/// The name that the prelude's own functions have in a stack.
pub(super) const PRELUDE: &str = "ampsync:prelude";

/// Builds the global scope, and gives the functions that evaluate a config.
pub(super) fn build<'js>(
    ctx: &Ctx<'js>,
    session: &Rc<Session>,
    environment: &BTreeMap<String, String>,
) -> rquickjs::Result<Object<'js>> {
    let host = Object::new(ctx.clone())?;
    host.set("failureKey", explain::FAILURE_KEY)?;
    host.set("loadKey", LOAD_KEY)?;
    host.set("environment", serde_json::json!(environment).to_string())?;
    let common_js = session.is_common_js();
    host.set("isCommonJs", Function::new(ctx.clone(), move || common_js)?)?;
    let printer = Rc::clone(session);
    let print = move |level: usize, line: String| {
        const LEVELS: [ConsoleLevel; 3] =
            [ConsoleLevel::Debug, ConsoleLevel::Info, ConsoleLevel::Warn];
        printer.print(LEVELS.get(level).copied().unwrap_or(ConsoleLevel::Error), &line);
    };
    host.set("print", Function::new(ctx.clone(), print)?)?;
    modules(ctx, session, &host)?;
    refusals(ctx, session, &host)?;
    let mut options = EvalOptions::default();
    options.filename = Some(PRELUDE.to_owned());
    let prelude: Function<'js> = ctx.eval_with_options(include_str!("prelude.js"), options)?;
    prelude.call((host,))
}

/// Modules and other files.
fn modules<'js>(ctx: &Ctx<'js>, session: &Rc<Session>, host: &Object<'js>) -> rquickjs::Result<()> {
    let it = Rc::clone(session);
    let resolve = move |ctx: Ctx<'js>, base: String, specifier: String| {
        answer(&ctx, &it, it.resolve(&base, &specifier))
    };
    host.set("resolve", Function::new(ctx.clone(), resolve)?)?;

    let it = Rc::clone(session);
    let resolve_from_caller = move |ctx: Ctx<'js>, specifier: String| {
        // Between here and the module that calls are this function and `require` itself.
        const FRAMES_MAX: isize = 4;
        let base = (0..FRAMES_MAX)
            .filter_map(|frame| ctx.script_or_module_name(frame)?.to_string().ok())
            .find(|name| it.known(name).is_some());
        answer(&ctx, &it, it.resolve(base.as_ref().unwrap_or(&it.entry), &specifier))
    };
    host.set("resolveFromCaller", Function::new(ctx.clone(), resolve_from_caller)?)?;

    let it = Rc::clone(session);
    let kind = move |ctx: Ctx<'js>, id: String| -> rquickjs::Result<&'static str> {
        if id == BUILTIN_ID {
            return Ok("module");
        }
        let source = it.source(&id).map_err(|failure| engine::throw(&ctx, &it, failure))?;
        Ok(match source.syntax {
            Syntax::Module => "module",
            Syntax::CommonJs => "script",
            Syntax::Json => "json",
        })
    };
    host.set("kind", Function::new(ctx.clone(), kind)?)?;

    let it = Rc::clone(session);
    let text = move |ctx: Ctx<'js>, id: String| {
        let source = it.source(&id).map_err(|failure| engine::throw(&ctx, &it, failure));
        source.map(|source| source.text.clone())
    };
    host.set("text", Function::new(ctx.clone(), text)?)?;

    let it = Rc::clone(session);
    let compile = move |ctx: Ctx<'js>, id: String| -> rquickjs::Result<Value<'js>> {
        let source = it.source(&id).map_err(|failure| engine::throw(&ctx, &it, failure))?;
        let mut options = EvalOptions::default();
        options.strict = false;
        options.filename = Some(id);
        // On a line of its own, which `explain` counts off again.
        let parameters = "(function (exports, require, module, __filename, __dirname) {\n";
        ctx.eval_with_options(format!("{parameters}{}\n}})", source.code()), options)
    };
    host.set("compile", Function::new(ctx.clone(), compile)?)?;

    let it = Rc::clone(session);
    let import_now = move |ctx: Ctx<'js>, id: String| engine::import_now(&ctx, &it, &id);
    host.set("importNow", Function::new(ctx.clone(), import_now)?)?;

    let it = Rc::clone(session);
    let function_source = move |ctx: Ctx<'js>, path: String| {
        let found = it
            .function_source(&path)
            .map(|(source, filename)| BTreeMap::from([("source", source), ("filename", filename)]));
        let found = found.map(|found| serde_json::json!(found).to_string());
        answer(&ctx, &it, found)
    };
    host.set("functionSource", Function::new(ctx.clone(), function_source)?)
}

/// What a config must not do.
fn refusals<'js>(
    ctx: &Ctx<'js>,
    session: &Rc<Session>,
    host: &Object<'js>,
) -> rquickjs::Result<()> {
    let it = Rc::clone(session);
    let global = move |ctx: Ctx<'js>, name: String, without: String| {
        let problem = format!("{name} is not there: configs are run without {without}");
        let remedy = "remove the call; what has to be fetched or waited for, build into a JSON manifest before";
        refused(&ctx, &it, Diagnostic::of_file(it.path(), problem, remedy))
    };
    host.set("refuseGlobal", Function::new(ctx.clone(), global)?)?;

    let it = Rc::clone(session);
    let exit = move |ctx: Ctx<'js>, code: f64| {
        let problem = format!("the config calls process.exit({code})");
        let remedy = "see what it printed before, or remove the call";
        refused(&ctx, &it, Diagnostic::of_file(it.path(), problem, remedy))
    };
    host.set("refuseExit", Function::new(ctx.clone(), exit)?)?;

    let it = Rc::clone(session);
    let no_export = move |ctx: Ctx<'js>| {
        let problem = "the config has no default export";
        let remedy =
            "end it with `export default defineDataset(() => ({ name: \"eth\", tables: { .. } }))`";
        refused(&ctx, &it, Diagnostic::of_file(it.path(), problem, remedy))
    };
    host.set("refuseNoExport", Function::new(ctx.clone(), no_export)?)?;

    let it = Rc::clone(session);
    let value = move |ctx: Ctx<'js>, path: Vec<Value<'js>>, problem: String, remedy: String| {
        let path = path.iter().fold(String::new(), |path, part| match part.as_string() {
            Some(key) => child_path(&path, &key.to_string().unwrap_or_default()),
            None => format!("{path}[{}]", part.as_number().unwrap_or_default()),
        });
        let problem = Diagnostic::of_file(it.path(), problem, remedy);
        refused(&ctx, &it, it.places().place(problem, &path))
    };
    host.set("refuseValue", Function::new(ctx.clone(), value)?)
}

/// The number of a diagnostic, for the prelude to throw.
fn refused<'js>(
    ctx: &Ctx<'js>,
    session: &Session,
    failure: impl Into<Diagnostics>,
) -> rquickjs::Result<Object<'js>> {
    let failure = failure.into();
    let object = Object::new(ctx.clone())?;
    let message = failure.iter().map(|problem| problem.problem()).collect::<Vec<_>>().join("; ");
    object.set("message", message)?;
    object.set("index", session.fail(failure))?;
    Ok(object)
}

/// `{ value }` or `{ failure }`: a failure is thrown by the prelude, so that it has a stack.
fn answer<'js>(
    ctx: &Ctx<'js>,
    session: &Session,
    outcome: Result<String, Diagnostics>,
) -> rquickjs::Result<Object<'js>> {
    let object = Object::new(ctx.clone())?;
    match outcome {
        Ok(value) => object.set("value", value)?,
        Err(failure) => object.set("failure", refused(ctx, session, failure)?)?,
    }
    Ok(object)
}
