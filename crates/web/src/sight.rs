//! What a caller sees: a person whose permissions are for some teams sees what those look after,
//! what is nobody's, and what they take part in.

use base::{AlertId, IncidentId, Name, PersonName, ServiceName};
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

    /// Whether they see what belongs to this service.
    pub(crate) fn sees_service(&self, state: &State, service: &ServiceName) -> bool {
        let person = self.person.as_ref();
        person.is_none_or(|person| state.incidents.may_see_service(person, service))
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
        let Ok(of) = serde_json::from_slice::<Of>(entry) else {
            return false;
        };
        site.engine().view().read(|state| match of.subject {
            Subject::Incident(id) => self.sees(state, id),
            Subject::Alert(id) => self.sees_alert(state, id),
            Subject::Request(name) => self.sees_request(state, &name),
            _ => true,
        })
    }

    /// Whether they see this alert: as they see its incident, or its service while it is in none.
    /// One that was forgotten long ago is shown to those who see everything.
    pub(crate) fn sees_alert(&self, state: &State, id: AlertId) -> bool {
        let Some(alert) = state.incidents.alerts.get(&id) else {
            return self.is_whole(state);
        };
        let service = || alert.labels.get("service")?.parse::<ServiceName>().ok();
        match (alert.incident, &self.person) {
            (Some(incident), _) => self.sees(state, incident),
            (None, Some(person)) => {
                service().is_none_or(|service| state.incidents.may_see_service(person, &service))
            }
            (None, None) => true,
        }
    }

    /// Whether they see this request: as they see the incident it is about. One that was settled is
    /// shown to those who see everything.
    pub(crate) fn sees_request(&self, state: &State, name: &Name) -> bool {
        match state.incidents.requests.waiting.get(name) {
            Some(request) => {
                let about = request.verb().ok().and_then(|verb| verb.incident());
                about.is_none_or(|id| self.sees(state, id))
            }
            None => self.is_whole(state),
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
