/// One setting, as the person who sets it knows it.
#[derive(Debug)]
pub(crate) struct Spec {
    /// The environment variable, from which the name of the flag follows.
    pub(crate) name: &'static str,
    /// Other variables that mean the same.
    pub(crate) aliases: &'static [&'static str],
    /// Under which heading it is listed.
    pub(crate) group: Group,
    /// What it is for, a line each.
    pub(crate) doc: &'static [&'static str],
    /// What stands for the value in a synopsis.
    pub(crate) value: &'static str,
    /// What it is when it is not set; goes through the same parser.
    pub(crate) default: Option<&'static str>,
    /// A value that is right.
    pub(crate) example: &'static str,
    /// Whether the value must not be seen.
    pub(crate) secret: bool,
    /// Whether a variable of the same name and `_FILE` may name a file with the value.
    pub(crate) file: bool,
    /// Whether it is one of the few that most people set: the short help has only those.
    pub(crate) common: bool,
}

/// The headings of the list of settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Group {
    /// What is synced, and from where.
    Dataset,
    /// Where it goes.
    Database,
    /// What becomes of it there.
    Tables,
    /// How it goes there.
    Engine,
    /// What is told about it.
    Logging,
}

impl Group {
    #[cfg(test)]
    pub(crate) const ALL: [Self; 5] =
        [Self::Dataset, Self::Database, Self::Tables, Self::Engine, Self::Logging];

    pub(crate) fn heading(self) -> &'static str {
        match self {
            Self::Dataset => "Dataset and server",
            Self::Database => "Database",
            Self::Tables => "Tables in the database",
            Self::Engine => "Engine",
            Self::Logging => "Logging and health",
        }
    }
}

/// A setting and how its value is read.
#[derive(Debug)]
pub(crate) struct Setting<T: 'static> {
    pub(crate) spec: &'static Spec,
    /// Reads a value; the error is what was expected instead, to follow "expected".
    pub(crate) parse: fn(&str) -> Result<T, String>,
}

impl Spec {
    /// What a setting is unless it says otherwise.
    pub(crate) const PLAIN: Self = Self {
        name: "",
        aliases: &[],
        group: Group::Engine,
        doc: &[],
        value: "TEXT",
        default: None,
        example: "",
        secret: false,
        file: false,
        common: false,
    };

    /// What it is for, in one line.
    pub(crate) fn text(&self) -> String {
        self.doc.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
    }

    /// The variable that names a file with the value.
    pub(crate) fn file_name(&self) -> Option<String> {
        self.file.then(|| format!("{}_FILE", self.name))
    }

    /// Every variable that sets it, the names of files last.
    pub(crate) fn variables(&self) -> Vec<Variable> {
        let names = || std::iter::once(&self.name).chain(self.aliases);
        let plain = names().map(|name| Variable { name: (*name).to_owned(), is_file: false });
        let files = names().map(|name| Variable { name: format!("{name}_FILE"), is_file: true });
        plain.chain(files.filter(|_| self.file)).collect()
    }
}

/// A variable that sets a setting.
pub(crate) struct Variable {
    pub(crate) name: String,
    /// Whether its value is the path of a file with the setting's value.
    pub(crate) is_file: bool,
}

/// The flag of a variable, without its dashes: `database-url` for `DATABASE_URL`.
pub(crate) fn flag(variable: &str) -> String {
    variable.to_lowercase().replace('_', "-")
}
