//! Runbooks and templates: what is written down before anything is wrong.

use std::collections::BTreeMap;

use base::{IncidentId, Line, Name, ServiceName, Severity};
use record::act::{Act, Subject};
use record::command::{SaveRunbook, SaveTemplate, Verb};
use record::kinds::Body;
use record::kinds::incident::Audience;
use record::kinds::work::{
    ChecklistStarted, RunbookRemoved, RunbookSaved, TemplateRemoved, TemplateSaved, UpdateClockSet,
};
use serde::{Deserialize, Serialize};

use crate::commands::Decision;
use crate::refusal::{at_most, out_of_range, wrong_state};
use crate::work::check_every;
use crate::{Draft, Reason, Refusal};

const RUNBOOKS_MAX: usize = 500;
const TEMPLATES_MAX: usize = 200;
const STEPS_MAX: usize = 64;
const TEMPLATE_RUNBOOKS_MAX: usize = 8;

/// What people do, step by step, and what incidents begin with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runbooks {
    /// Runbooks.
    pub runbooks: BTreeMap<Name, Runbook>,
    /// Templates.
    pub templates: BTreeMap<Name, Template>,
}

/// What people do, step by step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runbook {
    /// The steps, in order.
    pub steps: Vec<Line>,
    /// What it is for.
    pub title: Line,
}

/// What incidents of a kind begin with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    /// What is written in them is sealed.
    pub private: bool,
    /// Runbooks whose checklists they begin with.
    pub runbooks: Vec<Name>,
    /// What is affected.
    pub service: Option<ServiceName>,
    /// How bad they are.
    pub severity: Option<Severity>,
    /// What is usually wrong.
    pub title: Option<Line>,
    /// How often which audience is told something, in milliseconds.
    pub update_every_ms: BTreeMap<Audience, u64>,
}

impl Runbooks {
    pub(crate) fn apply(&mut self, act: &Act) {
        match (&act.subject, &act.body) {
            (Subject::Runbook(name), Body::RunbookSaved(saved)) => {
                let runbook = Runbook {
                    steps: saved.steps.clone(),
                    title: saved.title.clone(),
                };
                self.runbooks.insert(name.clone(), runbook);
            }
            (Subject::Runbook(name), Body::RunbookRemoved(_)) => {
                self.runbooks.remove(name);
            }
            (Subject::Template(name), Body::TemplateSaved(saved)) => {
                let template = Template {
                    private: saved.private,
                    runbooks: saved.runbooks.clone(),
                    service: saved.service.clone(),
                    severity: saved.severity,
                    title: saved.title.clone(),
                    update_every_ms: saved.update_every_ms.clone(),
                };
                self.templates.insert(name.clone(), template);
            }
            (Subject::Template(name), Body::TemplateRemoved(_)) => {
                self.templates.remove(name);
            }
            _ => {}
        }
    }

    /// Decides on a command about runbooks or templates; `None` for those about anything else.
    pub(crate) fn decide(&self, verb: &Verb) -> Option<Decision> {
        Some(match verb {
            Verb::SaveRunbook(verb) => self.save_runbook(verb),
            Verb::RemoveRunbook(verb) => self.remove_runbook(&verb.runbook),
            Verb::SaveTemplate(verb) => self.save_template(verb),
            Verb::RemoveTemplate(verb) => self.template(&verb.template).map(|_| {
                let subject = Subject::Template(verb.template.clone());
                vec![Draft::new(subject, TemplateRemoved {})]
            }),
            _ => return None,
        })
    }

    fn save_runbook(&self, verb: &SaveRunbook) -> Decision {
        let more = usize::from(!self.runbooks.contains_key(&verb.runbook));
        at_most("runbooks", self.runbooks.len() + more, RUNBOOKS_MAX)?;
        at_most("steps", verb.steps.len(), STEPS_MAX)?;
        if verb.steps.is_empty() {
            return out_of_range("a runbook has at least one step".to_owned());
        }
        let body = RunbookSaved {
            steps: verb.steps.clone(),
            title: verb.title.clone(),
        };
        Ok(vec![Draft::new(
            Subject::Runbook(verb.runbook.clone()),
            body,
        )])
    }

    fn remove_runbook(&self, name: &Name) -> Decision {
        self.runbook(name)?;
        let user = self
            .templates
            .iter()
            .find(|(_, template)| template.runbooks.contains(name));
        if let Some((template, _)) = user {
            return wrong_state(format!("the template {template} begins with it"));
        }
        Ok(vec![Draft::new(
            Subject::Runbook(name.clone()),
            RunbookRemoved {},
        )])
    }

    fn save_template(&self, verb: &SaveTemplate) -> Decision {
        let more = usize::from(!self.templates.contains_key(&verb.template));
        at_most("templates", self.templates.len() + more, TEMPLATES_MAX)?;
        at_most("runbooks", verb.runbooks.len(), TEMPLATE_RUNBOOKS_MAX)?;
        for runbook in &verb.runbooks {
            self.runbook(runbook)?;
        }
        for every_ms in verb.update_every_ms.values() {
            check_every(Some(*every_ms))?;
        }
        let body = TemplateSaved {
            private: verb.private,
            runbooks: verb.runbooks.clone(),
            service: verb.service.clone(),
            severity: verb.severity,
            title: verb.title.clone(),
            update_every_ms: verb.update_every_ms.clone(),
        };
        Ok(vec![Draft::new(
            Subject::Template(verb.template.clone()),
            body,
        )])
    }

    fn runbook(&self, name: &Name) -> Result<&Runbook, Refusal> {
        found(&self.runbooks, "runbook", name)
    }

    /// The template with this name.
    pub(crate) fn template(&self, name: &Name) -> Result<&Template, Refusal> {
        found(&self.templates, "template", name)
    }

    /// The act that starts a checklist with this number from a runbook.
    pub(crate) fn checklist(
        &self,
        name: &Name,
        checklist: u32,
    ) -> Result<ChecklistStarted, Refusal> {
        Ok(ChecklistStarted {
            checklist,
            runbook: name.clone(),
            steps: self.runbook(name)?.steps.clone(),
        })
    }

    /// What an incident that was declared just now begins with.
    pub(crate) fn beginning(&self, name: &Name, id: IncidentId) -> Decision {
        let template = self.template(name)?;
        let mut drafts = Vec::new();
        for (checklist, runbook) in (1..).zip(&template.runbooks) {
            let body = self.checklist(runbook, checklist)?;
            drafts.push(Draft::new(Subject::Incident(id), body));
        }
        for (audience, every_ms) in &template.update_every_ms {
            let body = UpdateClockSet {
                audience: *audience,
                every_ms: Some(*every_ms),
            };
            drafts.push(Draft::new(Subject::Incident(id), body));
        }
        Ok(drafts)
    }
}

fn found<'a, T>(map: &'a BTreeMap<Name, T>, what: &str, name: &Name) -> Result<&'a T, Refusal> {
    map.get(name).ok_or_else(|| {
        Refusal::new(
            Reason::NotFound,
            format!("there is no {what} {name}: hereby {what} list"),
        )
    })
}
