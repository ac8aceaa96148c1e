use std::fmt;

/// Something in the configuration that the person who wrote it has to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    /// The variable, or the variables together.
    pub(crate) subject: String,
    /// What is wrong with it.
    pub(crate) problem: String,
    /// What to do instead.
    pub(crate) remedy: String,
}

/// All mistakes of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mistakes(pub(crate) Vec<Mistake>);

impl Mistakes {
    /// That there are none.
    ///
    /// # Errors
    /// When there are some: they.
    pub(crate) fn none(self) -> Result<(), Self> {
        if self.0.is_empty() { Ok(()) } else { Err(self) }
    }
}

impl From<Mistake> for Mistakes {
    fn from(mistake: Mistake) -> Self {
        Self(vec![mistake])
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => writeln!(f, "there is a mistake in the configuration")?,
            count => writeln!(f, "there are {count} mistakes in the configuration")?,
        }
        for Mistake { subject, problem, remedy } in &self.0 {
            write!(f, "\n  {subject}: {problem}")?;
            for line in remedy.lines() {
                write!(f, "\n      {line}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}
