//! What becomes of a table, by what is stored under its name.

use ampsync_manifest::DatasetRef;
use ampsync_schema::QualifiedName;
use sink_postgres::{Revision, RevisionKind, Revisions};

use super::{Fit, OnRevisionChange};
use crate::plan::{Identity, PlannedTable};

/// What becomes of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Course {
    /// It runs as it is planned.
    Plain(GivesUp),
    /// The stored one goes on, and the planned one is filled beside it.
    Beside(Revision),
    /// The stored one goes on: what is planned was rolled back, and is kept.
    RolledBack { current: Revision, rejected: QualifiedName },
    /// It runs as it is planned, which the sink refuses with the reason; and why nothing else could
    /// be done, with the remedy.
    Refused(Option<(String, String)>),
}

/// What becomes of what was begun to take a table's place, where the table runs as it is planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GivesUp {
    /// There is nothing.
    Nothing,
    /// It is given up.
    AtOnce,
    /// It has the rows that are planned, and may be there because the table cannot hold them: it is
    /// given up once the table turns out to.
    OnceItFits,
}

/// The one place where that is decided. `fit` is what is known of the current table.
pub(crate) fn course(
    setting: OnRevisionChange,
    stored: &Revisions,
    planned: &PlannedTable,
    fit: Fit,
) -> Course {
    if setting == OnRevisionChange::Refuse {
        return Course::Plain(GivesUp::Nothing);
    }
    // What was begun for a table that was reset since is nobody's.
    let Some(current) = &stored.current else {
        return Course::Plain(match stored.next {
            Some(_) => GivesUp::AtOnce,
            None => GivesUp::Nothing,
        });
    };
    if is_planned(current, planned) && fit != Fit::Unfit {
        return Course::Plain(match &stored.next {
            None => GivesUp::Nothing,
            Some(next) if is_planned(next, planned) && fit != Fit::Fits => GivesUp::OnceItFits,
            Some(_) => GivesUp::AtOnce,
        });
    }
    if !is_same_dataset(&current.dataset, &planned.identity.dataset) {
        let problem = format!(
            "{} is another dataset than {}, not another revision of it",
            planned.identity.dataset, current.dataset
        );
        let remedy = "ask for the dataset of before, or sync the other one into another schema";
        return Course::Refused(Some((problem, remedy.to_owned())));
    }
    if let Some(hindrance) = &stored.hindrance {
        return Course::Refused(Some(hindrance.clone()));
    }
    let is_rejected =
        |kept: &&Revision| kept.kind == RevisionKind::Rejected && is_planned(kept, planned);
    let current = current.clone();
    match stored.kept.iter().find(is_rejected) {
        Some(kept) => Course::RolledBack { current, rejected: kept.table.clone() },
        None => Course::Beside(current),
    }
}

/// Whether a stored table's rows are those that are planned, whatever it is like.
pub(crate) fn is_planned(stored: &Revision, planned: &PlannedTable) -> bool {
    is_of(stored, &planned.identity)
        || planned.unpinned.as_ref().is_some_and(|unpinned| is_of(stored, unpinned))
}

/// Whether a stored table's rows are those.
pub(crate) fn is_of(stored: &Revision, identity: &Identity) -> bool {
    stored.dataset == identity.dataset && stored.query == identity.query
}

/// Whether two references differ in nothing but their revision.
fn is_same_dataset(stored: &str, wanted: &str) -> bool {
    let named = |text: &str| {
        let dataset: DatasetRef = text.parse().ok()?;
        let namespace = dataset.namespace().map_or("_".to_owned(), |name| name.as_str().to_owned());
        Some((namespace, dataset.name().as_str().to_owned()))
    };
    stored == wanted || (named(stored).is_some() && named(stored) == named(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dataset_is_the_same_whatever_its_revision() {
        for (stored, wanted, same) in [
            ("a/eth@1.0.0", "a/eth@2.0.0", true),
            ("eth", "_/eth@2.0.0", true),
            ("a/eth@1.0.0", "b/eth@1.0.0", false),
            ("a/eth", "a/base", false),
            ("what?", "else?", false),
        ] {
            assert_eq!(is_same_dataset(stored, wanted), same, "{stored} {wanted}");
        }
    }
}
