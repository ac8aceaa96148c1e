//! A module of a config: parsed, checked, and as JavaScript that can be run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use oxc_allocator::Allocator;
use oxc_ast::ast::Statement;
use oxc_codegen::{Codegen, CodegenOptions};
use oxc_diagnostics::{OxcDiagnostic, Severity};
use oxc_parser::{ParseOptions, Parser, ParserReturn};
use oxc_semantic::SemanticBuilder;
use oxc_span::SourceType;
use oxc_transformer::{TransformOptions, Transformer};

use super::commonjs;
use super::imports::{self, Import, start};
use super::outline;
use super::positions::{Mapping, Positions};
use crate::diagnostic::{Diagnostic, Diagnostics, Position};

/// Longer files are not configs. The parser is recursive, so this also bounds the stack it takes.
const BYTES_MAX: usize = 4 << 20;
/// Brackets inside of brackets, for the same reason.
const DEPTH_MAX: usize = 400;

/// `export = it` becomes `module.exports = it`, also beside an `import`, which only a module can
/// have. A function is there before the first statement is run, and can have properties.
const EXPORT_ASSIGNED: &str = "\nfunction module() {}\nexport default module.exports;\n";

/// How a module gives and takes what it exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Syntax {
    /// `import` and `export`.
    Module,
    /// `require` and `module.exports`.
    CommonJs,
    /// A document that is imported.
    Json,
}

/// One file that a config consists of.
pub(super) struct Source {
    /// As it is shown to people.
    pub(super) path: PathBuf,
    /// As it was written.
    pub(super) text: String,
    pub(super) syntax: Syntax,
    /// The JavaScript of it, where that is not what was written.
    generated: Option<String>,
    /// From the JavaScript back to what was written.
    pub(super) positions: Positions,
    pub(super) imports: Vec<Import>,
    /// The names that a module which is not `Syntax::Module` exports, as far as they can be told.
    pub(super) exports: Vec<String>,
    /// Where the properties of the exported object are, as offsets in `text`.
    pub(super) outline: BTreeMap<String, usize>,
}

impl Source {
    /// Reads a module. The extension says which language it is written in.
    pub(super) fn parse(path: &Path, text: String) -> Result<Self, Diagnostics> {
        let too_large = |problem: String| {
            let remedy = "move the data out of it, into files or tables of the server";
            Diagnostics::from(Diagnostic::of_file(path, problem, remedy))
        };
        if text.len() > BYTES_MAX {
            return Err(too_large(format!("the file is longer than {} MiB", BYTES_MAX >> 20)));
        }
        let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        if extension == "json" {
            return json(path, text);
        }
        if nesting(&text) > DEPTH_MAX {
            return Err(too_large(format!("brackets are nested more than {DEPTH_MAX} deep")));
        }
        script(path, text, &extension)
    }

    /// What is run.
    pub(super) fn code(&self) -> &str {
        self.generated.as_deref().unwrap_or(&self.text)
    }

    /// Where an import of `specifier` is written.
    pub(super) fn position_of_import(&self, specifier: &str) -> Option<Position> {
        let import = self.imports.iter().find(|import| import.specifier == specifier)?;
        Some(Position::of(&self.text, import.offset))
    }
}

fn json(path: &Path, text: String) -> Result<Source, Diagnostics> {
    let document: serde_json::Value = serde_json::from_str(&text).map_err(|error| {
        let position = Position { line: error.line().max(1), column: error.column().max(1) };
        let problem = format!("the file is not JSON: {}", crate::check::reason(&error));
        Diagnostic::of_file(path, problem, "correct it there, or just before")
            .at(&text, position, "")
    })?;
    let exports = document.as_object().into_iter().flat_map(|object| object.keys().cloned());
    Ok(Source {
        path: path.to_owned(),
        exports: exports.collect(),
        text,
        syntax: Syntax::Json,
        generated: None,
        positions: Positions::unchanged(),
        imports: Vec::new(),
        outline: BTreeMap::new(),
    })
}

fn script(path: &Path, text: String, extension: &str) -> Result<Source, Diagnostics> {
    let typed = extension.ends_with("ts");
    let kind = if typed { SourceType::ts() } else { SourceType::unambiguous() };
    let kind = if extension.starts_with('m') { kind.with_module(true) } else { kind };
    let options = ParseOptions {
        allow_return_outside_function: true,
        parse_regular_expression: true,
        ..ParseOptions::default()
    };
    let allocator = Allocator::default();
    let parsed = Parser::new(&allocator, &text, kind).with_options(options).parse();
    if parsed.panicked || has_errors(&parsed.diagnostics) {
        return Err(diagnostics(path, &text, &parsed.diagnostics));
    }
    let ParserReturn { mut program, module_record, .. } = parsed;
    let semantic =
        SemanticBuilder::new().with_check_syntax_error(true).with_enum_eval(true).build(&program);
    if has_errors(&semantic.diagnostics) {
        return Err(diagnostics(path, &text, &semantic.diagnostics));
    }
    let module = module_record.has_module_syntax || program.source_type.is_module();
    let assigns = program.body.iter().any(|it| matches!(it, Statement::TSExportAssignment(_)));
    let exports = if module { Vec::new() } else { commonjs::exports(&program) };
    let imports = imports::of(&module_record, &text);
    let outline = outline::of(&program);
    let scoping = semantic.semantic.into_scoping();

    let (generated, positions) = if typed {
        let options = TransformOptions::default();
        let transformed =
            Transformer::new(&allocator, path, &options).build_with_scoping(scoping, &mut program);
        if has_errors(&transformed.diagnostics) {
            return Err(diagnostics(path, &text, &transformed.diagnostics));
        }
        let options =
            CodegenOptions { source_map_path: Some(path.to_owned()), ..CodegenOptions::default() };
        let generated =
            Codegen::new().with_options(options).with_scoping(Some(transformed.scoping));
        let generated = generated.build(&program);
        let tokens = generated.map.iter().flat_map(|map| map.get_tokens()).map(|token| Mapping {
            line: token.get_dst_line(),
            column: token.get_dst_col(),
            source_line: token.get_src_line(),
            source_column: token.get_src_col(),
        });
        let positions = Positions::mapped(tokens);
        let tail = if assigns { EXPORT_ASSIGNED } else { "" };
        (Some(generated.code + tail), positions)
    } else {
        (None, Positions::unchanged())
    };
    let syntax = if module { Syntax::Module } else { Syntax::CommonJs };
    let path = path.to_owned();
    Ok(Source { path, syntax, generated, positions, imports, exports, outline, text })
}

fn has_errors(diagnostics: &[OxcDiagnostic]) -> bool {
    diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
}

fn diagnostics(path: &Path, text: &str, found: &[OxcDiagnostic]) -> Diagnostics {
    let problems = found.iter().filter(|found| found.severity == Severity::Error).map(|found| {
        let label = found.labels.iter().find(|label| label.primary()).or(found.labels.first());
        let help = found.help.as_deref().or(label.and_then(|label| label.label()));
        let remedy = match help {
            // It would tell how to configure a parser that is ours.
            Some(_) if found.message.contains("JSX") => "write it without JSX",
            Some(help) => help.trim_end_matches('.'),
            None => "correct it there, or just before",
        };
        let problem = found.message.trim_end_matches('.');
        let problem = Diagnostic::of_file(path, problem, remedy);
        match label {
            Some(label) => {
                // What is missing at the end is shown at the last thing that is there.
                let offset = start(label.span()).min(text.trim_end().len());
                problem.at(text, Position::of(text, offset), "")
            }
            None => problem,
        }
    });
    let unreadable = || {
        let problem = Diagnostic::of_file(path, "the file cannot be parsed", "check its syntax");
        Diagnostics::from(problem)
    };
    Diagnostics::new(problems.collect()).unwrap_or_else(unreadable)
}

/// How deep brackets are nested at most. Those in texts and comments count, too, which is more
/// than enough for what people write.
fn nesting(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for byte in text.bytes() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}
