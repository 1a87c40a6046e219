//! What a caller sees: a person whose permissions are for some teams sees what those look after,
//! what is nobody's, and what they take part in.

use base::{IncidentId, PersonName};
use engine::State;
use record::act::Subject;
use serde::Deserialize;

use crate::problem::Problem;
use crate::site::Site;

/// What somebody sees.
#[derive(Clone, Debug)]
pub(crate) struct Sight {
    /// Whether sealed text is shown to them.
    pub(crate) open: bool,
    /// Whose permissions count; nobody's for programs and for whoever runs hereby here.
    pub(crate) person: Option<PersonName>,
}

impl Sight {
    /// Whether they see this incident.
    pub(crate) fn sees(&self, state: &State, id: IncidentId) -> bool {
        let person = self.person.as_ref();
        person.is_none_or(|person| state.incidents.may_see(person, id))
    }

    /// Whether nothing is kept from them.
    pub(crate) fn is_whole(&self, state: &State) -> bool {
        let person = self.person.as_ref();
        person.is_none_or(|person| state.incidents.may_see_everything(person))
    }

    /// Whether they see what stands in this entry.
    pub(crate) fn sees_entry(&self, site: &Site, entry: &[u8]) -> bool {
        #[derive(Deserialize)]
        struct Of {
            subject: Subject,
        }
        if self.person.is_none() {
            return true;
        }
        match serde_json::from_slice::<Of>(entry).map(|of| of.subject) {
            Ok(Subject::Incident(id)) => site.engine().view().read(|state| self.sees(state, id)),
            Ok(_) => true,
            Err(_) => false,
        }
    }

    /// That they see this incident.
    ///
    /// # Errors
    /// 404, whether it does not exist or is not theirs to see.
    pub(crate) fn must_see(&self, site: &Site, id: IncidentId) -> Result<(), Problem> {
        let seen = site
            .engine()
            .view()
            .read(|state| state.incidents.summary(id).is_some() && self.sees(state, id));
        match seen {
            true => Ok(()),
            false => Err(Problem::not_found(format!(
                "there is no incident {id}, or you may not see it"
            ))),
        }
    }

    /// That nothing is kept from them.
    ///
    /// # Errors
    /// 403 for those who see a part only.
    pub(crate) fn must_see_everything(&self, site: &Site) -> Result<(), Problem> {
        match site.engine().view().read(|state| self.is_whole(state)) {
            true => Ok(()),
            false => Err(Problem::forbidden(
                "this shows everything, and you may see a part: it takes a permission for \
                 everything (hereby policy)",
            )),
        }
    }
}
