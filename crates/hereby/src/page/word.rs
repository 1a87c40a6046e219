//! What the command line says for the page, as the record takes it.

use std::collections::BTreeMap;

use base::{Line, Name, Prose};
use record::command::PageWord;
use record::kinds::page::{PublicPlan, Translation};

use crate::cli::page::{PlanArgs, WordArgs};
use crate::exit::Failure;

impl WordArgs {
    /// The word; none if nothing of it was given.
    ///
    /// # Errors
    /// When a headline is translated and the text is not.
    pub(crate) fn word(&self) -> Result<Option<PageWord>, Failure> {
        let word = PageWord {
            components: self.components.iter().cloned().collect(),
            headline: self.headline.clone(),
            impact: self.impact.map(Into::into),
            status: self.public_status.map(Into::into),
            translations: translations(&self.texts, &self.headline_in)?,
        };
        Ok((word != PageWord::default()).then_some(word))
    }
}

impl PlanArgs {
    /// What the public is told of planned work; nothing if nothing was given.
    ///
    /// # Errors
    /// As for a word.
    pub(crate) fn plan(&self) -> Result<Option<PublicPlan>, Failure> {
        let (Some(headline), Some(text)) = (&self.headline, &self.text) else {
            return Ok(None);
        };
        Ok(Some(PublicPlan {
            components: self.components.iter().cloned().collect(),
            headline: headline.clone(),
            text: text.clone(),
            translations: translations(&self.texts, &self.headline_in)?,
        }))
    }
}

fn translations(
    texts: &[(Name, Prose)],
    headlines: &[(Name, Line)],
) -> Result<BTreeMap<Name, Translation>, Failure> {
    let mut all = BTreeMap::new();
    for (tag, text) in texts {
        let headline = headlines.iter().find(|(other, _)| other == tag);
        let translation = Translation {
            headline: headline.map(|(_, line)| line.clone()),
            text: text.clone(),
        };
        if all.insert(tag.clone(), translation).is_some() {
            return Err(Failure::usage(format!("the text in {tag} is given twice")));
        }
    }
    match headlines.iter().find(|(tag, _)| !all.contains_key(tag)) {
        Some((tag, _)) => Err(Failure::usage(format!(
            "the headline is given in {tag} and the text is not: --in {tag}:TEXT"
        ))),
        None => Ok(all),
    }
}
