//! The names that a CommonJS module exports, as far as its text tells them.
//!
//! An `import { name }` is linked before the module has run, so that its names have to be known
//! from its text. What is read are the forms in which people and compilers write them.

use oxc_ast::ast::{
    AssignmentExpression, AssignmentTarget, CallExpression, Expression, ObjectExpression,
    ObjectPropertyKind, Program,
};
use oxc_ast_visit::{Visit, walk};

/// `exports.a = …`, `module.exports.b = …`, `module.exports = { c, d }` and
/// `Object.defineProperty(exports, "e", …)`.
pub(super) fn exports(program: &Program<'_>) -> Vec<String> {
    let mut names = Names::default();
    names.visit_program(program);
    names.0.sort();
    names.0.dedup();
    names.0
}

/// Whether an expression is `exports` or `module.exports`.
pub(super) fn is_exports(expression: &Expression<'_>) -> bool {
    if let Expression::StaticMemberExpression(member) = expression {
        member.object.is_specific_id("module") && member.property.name == "exports"
    } else {
        expression.is_specific_id("exports")
    }
}

/// Whether something is assigned to `module.exports` as a whole.
pub(super) fn is_whole(target: &AssignmentTarget<'_>) -> bool {
    if let AssignmentTarget::StaticMemberExpression(member) = target {
        member.object.is_specific_id("module") && member.property.name == "exports"
    } else {
        false
    }
}

/// The name of an export that is assigned to.
pub(super) fn export_name<'a>(target: &AssignmentTarget<'a>) -> Option<&'a str> {
    if let AssignmentTarget::StaticMemberExpression(member) = target
        && is_exports(&member.object)
    {
        Some(member.property.name.as_str())
    } else {
        None
    }
}

#[derive(Default)]
struct Names(Vec<String>);

impl Names {
    fn object(&mut self, object: &ObjectExpression<'_>) {
        for property in &object.properties {
            if let ObjectPropertyKind::ObjectProperty(property) = property
                && let Some(name) = property.key.static_name()
            {
                self.0.push(name.into_owned());
            }
        }
    }
}

impl<'a> Visit<'a> for Names {
    fn visit_assignment_expression(&mut self, assignment: &AssignmentExpression<'a>) {
        if let Some(name) = export_name(&assignment.left) {
            self.0.push(name.to_owned());
        }
        if is_whole(&assignment.left)
            && let Expression::ObjectExpression(object) = assignment.right.get_inner_expression()
        {
            self.object(object);
        }
        walk::walk_assignment_expression(self, assignment);
    }

    fn visit_call_expression(&mut self, call: &CallExpression<'a>) {
        let defines = call.callee.as_member_expression().is_some_and(|callee| {
            callee.object().is_specific_id("Object")
                && callee.static_property_name() == Some("defineProperty")
        });
        let mut arguments = call.arguments.iter().filter_map(|argument| argument.as_expression());
        if defines
            && arguments.next().is_some_and(is_exports)
            && let Some(Expression::StringLiteral(name)) = arguments.next()
        {
            self.0.push(name.value.to_string());
        }
        walk::walk_call_expression(self, call);
    }
}
