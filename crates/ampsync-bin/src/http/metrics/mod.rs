//! `/metrics`, in Prometheus' text format: which metrics there are, how they are written, and where
//! their values come from. Nothing is counted here.

mod catalogue;
mod collect;
mod text;

pub(super) use collect::render;
pub(super) use text::CONTENT_TYPE;
