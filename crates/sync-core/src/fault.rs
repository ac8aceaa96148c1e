use std::borrow::Cow;

/// What can be done about an error: the one question every error of a source or a sink answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// It may pass by itself: try again, for ever.
    Transient,
    /// It will not pass by itself: stop the table and say so.
    Permanent,
    /// Another instance has taken the table over: stand by.
    Fenced,
}

/// An error that says what can be done about it.
pub trait Classify: std::error::Error + Send + Sync + 'static {
    /// Whether the error can pass. An error nobody knows is [`Fault::Transient`].
    fn fault(&self) -> Fault;

    /// What a person can do, where there is something: one sentence, in the imperative.
    fn remedy(&self) -> Option<Cow<'static, str>> {
        None
    }
}
