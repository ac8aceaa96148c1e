//! Where the properties of the exported object are written, found without running anything.
//!
//! What is found are object literals: exported as they are, given to `defineDataset`, returned by
//! a function, or the value of a constant that is one of these. What is computed has no place.

use std::collections::{BTreeMap, HashMap};

use oxc_ast::ast::{
    ArrowFunctionBody, Declaration, ExportDefaultDeclarationKind, Expression, FunctionBody,
    ObjectExpression, ObjectPropertyKind, Program, Statement, VariableDeclaration,
};
use oxc_span::GetSpan;

use super::commonjs;
use super::imports::start;
use crate::places::child_path;

/// Constants of constants are followed so far; one may be defined by itself.
const DEPTH_MAX: usize = 32;
/// So many places are found; constants of constants can make more than there is text.
const PLACES_MAX: usize = 10_000;

/// The offsets of the properties by path; the object as a whole has the empty path.
pub(super) fn of(program: &Program<'_>) -> BTreeMap<String, usize> {
    let mut outline = Outline { named: HashMap::new(), offsets: BTreeMap::new() };
    outline.define(&program.body);
    let exported = program.body.iter().rev().find_map(exported);
    let exported = exported
        .or_else(|| outline.named.get(program.body.iter().find_map(exported_name)?).copied());
    if let Some(object) = exported.and_then(|found| outline.object(found, DEPTH_MAX)) {
        outline.offsets.insert(String::new(), start(object.span));
        outline.members(object, "", DEPTH_MAX);
    }
    outline.offsets
}

/// What a name stands for, or is exported.
#[derive(Clone, Copy)]
enum Found<'p, 'a> {
    Value(&'p Expression<'a>),
    Function(&'p FunctionBody<'a>),
}

struct Outline<'p, 'a> {
    named: HashMap<&'p str, Found<'p, 'a>>,
    offsets: BTreeMap<String, usize>,
}

/// What a statement exports as the config.
fn exported<'p, 'a>(statement: &'p Statement<'a>) -> Option<Found<'p, 'a>> {
    if let Statement::ExportDefaultDeclaration(export) = statement {
        let declared = &export.declaration;
        return if let ExportDefaultDeclarationKind::FunctionDeclaration(function) = declared {
            function.body.as_deref().map(Found::Function)
        } else {
            declared.as_expression().map(Found::Value)
        };
    }
    if let Statement::TSExportAssignment(export) = statement {
        return Some(Found::Value(&export.expression));
    }
    if let Statement::ExpressionStatement(statement) = statement
        && let Expression::AssignmentExpression(assignment) = &statement.expression
        && (commonjs::is_whole(&assignment.left)
            || commonjs::export_name(&assignment.left) == Some("default"))
    {
        return Some(Found::Value(&assignment.right));
    }
    None
}

/// What is meant by `export { name as default }`.
fn exported_name<'a>(statement: &Statement<'a>) -> Option<&'a str> {
    let Statement::ExportNamedDeclaration(export) = statement else { return None };
    let default = export.specifiers.iter().find(|name| name.exported.name() == "default")?;
    default.local.identifier_name().map(|name| name.as_str())
}

impl<'p, 'a> Outline<'p, 'a> {
    /// Remembers what is defined by `statements`.
    fn define(&mut self, statements: &'p [Statement<'a>]) {
        for statement in statements {
            if let Statement::VariableDeclaration(variables) = statement {
                self.variables(variables);
            } else if let Statement::FunctionDeclaration(function) = statement {
                let (name, body) = (function.id.as_ref(), function.body.as_deref());
                if let (Some(name), Some(body)) = (name, body) {
                    self.named.insert(name.name.as_str(), Found::Function(body));
                }
            } else if let Statement::ExportDeclaration(export) = statement
                && let Declaration::VariableDeclaration(variables) = &export.declaration
            {
                self.variables(variables);
            }
        }
    }

    fn variables(&mut self, variables: &'p VariableDeclaration<'a>) {
        for variable in &variables.declarations {
            let name = variable.id.get_binding_identifier();
            if let (Some(name), Some(value)) = (name, &variable.init) {
                self.named.insert(name.name.as_str(), Found::Value(value));
            }
        }
    }

    /// The object literal that `found` comes to.
    fn object(&mut self, found: Found<'p, 'a>, depth: usize) -> Option<&'p ObjectExpression<'a>> {
        let depth = depth.checked_sub(1)?;
        let value = match found {
            Found::Function(body) => return self.returned(body, depth),
            Found::Value(value) => value.get_inner_expression(),
        };
        if let Expression::ObjectExpression(object) = value {
            Some(object)
        } else if let Expression::Identifier(name) = value {
            let found = *self.named.get(name.name.as_str())?;
            self.object(found, depth)
        } else if let Expression::AwaitExpression(awaited) = value {
            self.object(Found::Value(&awaited.argument), depth)
        } else if let Expression::CallExpression(call) = value {
            // `defineDataset(() => …)`, or a function of the config that makes it.
            let argument = call.arguments.first().and_then(|argument| argument.as_expression());
            self.object(Found::Value(argument.unwrap_or(&call.callee)), depth)
        } else if let Expression::ArrowFunctionExpression(arrow) = value {
            if let ArrowFunctionBody::FunctionBody(body) = &arrow.body {
                self.returned(body, depth)
            } else {
                self.object(Found::Value(arrow.body.as_expression()?), depth)
            }
        } else if let Expression::FunctionExpression(function) = value {
            self.returned(function.body.as_deref()?, depth)
        } else {
            None
        }
    }

    /// What the last `return` of a function gives.
    fn returned(
        &mut self,
        body: &'p FunctionBody<'a>,
        depth: usize,
    ) -> Option<&'p ObjectExpression<'a>> {
        self.define(&body.statements);
        let returned = body.statements.iter().rev().find_map(|statement| {
            if let Statement::ReturnStatement(returned) = statement {
                returned.argument.as_ref()
            } else {
                None
            }
        });
        self.object(Found::Value(returned?), depth)
    }

    fn members(&mut self, object: &'p ObjectExpression<'a>, path: &str, depth: usize) {
        let Some(depth) = depth.checked_sub(1) else { return };
        for property in &object.properties {
            if self.offsets.len() > PLACES_MAX {
                return;
            }
            if let ObjectPropertyKind::ObjectProperty(property) = property
                && let Some(name) = property.key.static_name()
            {
                let path = child_path(path, &name);
                // As in JavaScript, the last one of those with the same name counts.
                self.offsets.insert(path.clone(), start(property.key.span()));
                self.value(&property.value, &path, depth);
            }
        }
    }

    fn value(&mut self, value: &'p Expression<'a>, path: &str, depth: usize) {
        let value = value.get_inner_expression();
        let plain = matches!(value, Expression::ObjectExpression(_) | Expression::Identifier(_));
        if plain && let Some(object) = self.object(Found::Value(value), depth) {
            self.members(object, path, depth);
        } else if let Expression::ArrayExpression(array) = value {
            for (index, item) in array.elements.iter().enumerate() {
                if let Some(item) = item.as_expression() {
                    let path = format!("{path}[{index}]");
                    self.offsets.insert(path.clone(), start(item.span()));
                    self.value(item, &path, depth);
                }
            }
        }
    }
}
