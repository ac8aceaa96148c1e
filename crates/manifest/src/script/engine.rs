//! The JavaScript engine: modules go in, the document comes out.

use std::collections::BTreeMap;
use std::rc::Rc;

use rquickjs::loader::{ImportAttributes, Loader, Resolver};
use rquickjs::module::Declared;
use rquickjs::promise::PromiseState;
use rquickjs::{
    Context, Ctx, Error, Exception, Function, Module, Object, Persistent, Promise, Runtime, Value,
};

use super::explain;
use super::session::{BUILTIN_ID, Session};
use super::source::Syntax;
use super::world;
use crate::diagnostic::{Diagnostic, Diagnostics};

/// How deep a config may call, in bytes; much less than the thread has.
const STACK_BYTES: usize = 8 << 20;
/// `export default () => defineDataset(..)` gives a function again; more is a mistake.
const CALLS_MAX: usize = 3;
/// Imports a module by its own name, from wherever that is.
const VERBATIM: &str = "ampsync:module/";

/// The document that the config of `session` means, as JSON.
pub(super) fn document(
    session: &Rc<Session>,
    environment: &BTreeMap<String, String>,
) -> Result<String, Diagnostics> {
    let unavailable = |error: Error| -> Diagnostics {
        let problem = format!("the config cannot be evaluated: {error}");
        Diagnostic::of_file(session.path(), problem, "allow the process more memory").into()
    };
    let runtime = Runtime::new().map_err(unavailable)?;
    runtime.set_memory_limit(session.limits.memory_bytes_max);
    runtime.set_max_stack_size(STACK_BYTES);
    let clock = Rc::clone(session);
    runtime.set_interrupt_handler(Some(Box::new(move || clock.is_late())));
    runtime.set_loader(Modules(Rc::clone(session)), Modules(Rc::clone(session)));
    let context = Context::full(&runtime).map_err(unavailable)?;
    let engine = Engine { session, runtime: &runtime, context: &context };
    engine.document(environment).map_err(|stop| match stop {
        Stop::Told(told) => told,
        Stop::Failed(error) => unavailable(error),
    })
}

/// Why there is no document.
enum Stop {
    /// The diagnostic is known.
    Told(Diagnostics),
    /// The engine itself has failed.
    Failed(Error),
}

/// A value that outlives the time in which the engine is entered.
type Kept = Persistent<Value<'static>>;

struct Engine<'s> {
    session: &'s Rc<Session>,
    runtime: &'s Runtime,
    context: &'s Context,
}

impl Engine<'_> {
    fn document(&self, environment: &BTreeMap<String, String>) -> Result<String, Stop> {
        let calls = self.enter(|ctx| {
            let calls = world::build(ctx, self.session, environment)?;
            Ok(Persistent::save(ctx, calls.into_value()))
        })?;
        let call = |name: &str, argument: Kept| {
            self.enter(|ctx| {
                let calls: Object<'_> = calls.clone().restore(ctx)?.get()?;
                let value: Value<'_> =
                    calls.get::<_, Function<'_>>(name)?.call((argument.restore(ctx)?,))?;
                Ok(Persistent::save(ctx, value))
            })
        };
        let import = self.enter(|ctx| {
            let import = Module::import(ctx, format!("{VERBATIM}{}", self.session.entry))?;
            Ok(Persistent::save(ctx, import.into_value()))
        })?;
        let mut value = call("exported", self.settle(import)?)?;
        for _ in 0..CALLS_MAX {
            value = self.settle(call("called", value)?)?;
        }
        let document = call("document", value)?;
        self.enter(|ctx| document.restore(ctx)?.get())
    }

    /// Does something in the engine, and explains what it throws.
    fn enter<T>(
        &self,
        act: impl for<'js> FnOnce(&Ctx<'js>) -> rquickjs::Result<T>,
    ) -> Result<T, Stop> {
        self.context.with(|ctx| {
            act(&ctx).map_err(|error| {
                if error.is_exception() {
                    Stop::Told(explain::thrown(self.session, &ctx.catch()))
                } else {
                    Stop::Failed(error)
                }
            })
        })
    }

    /// What a promise comes to, when everything that can be run has been.
    fn settle(&self, promise: Kept) -> Result<Kept, Stop> {
        loop {
            let settled = self.enter(|ctx| {
                let promise: Promise<'_> = promise.clone().restore(ctx)?.get()?;
                let settled = promise.result::<Value<'_>>().transpose()?;
                Ok(settled.map(|value| Persistent::save(ctx, value)))
            })?;
            if let Some(settled) = settled {
                return Ok(settled);
            }
            let told = match self.runtime.execute_pending_job() {
                // What a job itself throws, rather than a promise, is that the time is up.
                Err(job) => job.0.with(|ctx| {
                    let thrown = ctx.catch();
                    self.session.is_late().then(|| explain::thrown(self.session, &thrown))
                }),
                Ok(true) => None,
                Ok(false) if self.session.is_late() => None,
                Ok(false) => Some(explain::never_settled(self.session.path()).into()),
            };
            if let Some(told) = told {
                return Err(Stop::Told(told));
            }
            if self.session.is_late() {
                // What the engine has not thrown yet tells the place.
                let late = |ctx: Ctx<'_>| explain::thrown(self.session, &ctx.catch());
                return Err(Stop::Told(self.context.with(late)));
            }
        }
    }
}

/// Throws an error that stands for `failure`.
pub(super) fn throw(ctx: &Ctx<'_>, session: &Session, failure: Diagnostics) -> Error {
    let index = session.fail(failure);
    let thrown = Exception::from_message(ctx.clone(), "the module cannot be loaded");
    match thrown
        .and_then(|error| error.as_object().set(explain::FAILURE_KEY, index).map(|()| error))
    {
        Ok(error) => error.throw(),
        Err(error) => error,
    }
}

/// Finds and loads the modules of a session.
struct Modules(Rc<Session>);

impl Resolver for Modules {
    fn resolve<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        base: &str,
        name: &str,
        _attributes: Option<ImportAttributes<'js>>,
    ) -> rquickjs::Result<String> {
        if let Some(id) = name.strip_prefix(VERBATIM) {
            return Ok(id.to_owned());
        }
        self.0.resolve(base, name).map_err(|failure| throw(ctx, &self.0, failure))
    }
}

impl Loader for Modules {
    fn load<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        name: &str,
        _attributes: Option<ImportAttributes<'js>>,
    ) -> rquickjs::Result<Module<'js, Declared>> {
        if name == BUILTIN_ID {
            return Module::declare(ctx.clone(), name, include_str!("builtin.js"));
        }
        let source = self.0.source(name).map_err(|failure| throw(ctx, &self.0, failure))?;
        match source.syntax {
            Syntax::Module => Module::declare(ctx.clone(), name, source.code()),
            Syntax::CommonJs | Syntax::Json => {
                Module::declare(ctx.clone(), name, shim(name, &source.exports))
            }
        }
    }
}

/// A module that exports what a module of another kind does.
fn shim(id: &str, exports: &[String]) -> String {
    let load = world::LOAD_KEY;
    let mut shim = format!(
        "const it = globalThis[{load:?}]({});\nexport default it?.__esModule && \"default\" in it ? it.default : it;\n",
        serde_json::Value::from(id)
    );
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$';
    let names = exports.iter().filter(|name| *name != "default" && name.chars().all(plain));
    for (index, name) in names.enumerate() {
        shim.push_str(&format!("const e{index} = it?.{name}; export {{ e{index} as {name} }};\n"));
    }
    shim
}

/// Imports the module `id` from a `require`, which cannot wait.
pub(super) fn import_now<'js>(
    ctx: &Ctx<'js>,
    session: &Session,
    id: &str,
) -> rquickjs::Result<Value<'js>> {
    let promise = Module::import(ctx, format!("{VERBATIM}{id}"))?;
    while promise.state() == PromiseState::Pending {
        if !ctx.execute_pending_job() {
            let never = explain::never_settled(session.path());
            return Err(throw(ctx, session, never.into()));
        }
    }
    promise.finish()
}
