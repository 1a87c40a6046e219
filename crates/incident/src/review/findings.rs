//! What stands of the findings, in which order, what contradicts, and what stood before.

use std::collections::{BTreeMap, BTreeSet};

use base::ActId;
use record::act::Act;
use record::kinds::Body;
use record::kinds::review::{FindingStated, Section};

use super::Review;
use super::document::{Block, Fact, Placed, Saying, Standing, Table};
use super::story::Story;
use super::words;

pub(super) struct Findings<'a> {
    /// Every finding, in the order of the record.
    all: BTreeMap<ActId, Finding<'a>>,
    /// Those that stand, in the order in which they are shown: one that replaces another takes its
    /// place.
    standing: Vec<ActId>,
    /// Those of the standing that replace the same one, however many steps ago.
    groups: BTreeMap<ActId, usize>,
}

struct Finding<'a> {
    act: &'a Act,
    body: &'a FindingStated,
    place: usize,
    /// What it replaces and what that replaced, as far back as it goes: the first of them.
    origin: usize,
    stands: bool,
    replaced_by: Vec<ActId>,
    withdrawn_by: Option<ActId>,
}

impl<'a> Findings<'a> {
    pub(super) fn of(acts: &'a [Placed], review: &Review) -> Findings<'a> {
        let mut all: BTreeMap<ActId, Finding<'a>> = BTreeMap::new();
        for (place, Placed { act, .. }) in acts.iter().enumerate() {
            match &act.body {
                Body::FindingStated(body) => {
                    let mut origin = place;
                    for replaced in &body.replaces {
                        if let Some(before) = all.get_mut(replaced) {
                            before.replaced_by.push(act.id);
                            origin = origin.min(before.origin);
                        }
                    }
                    let finding = Finding {
                        act,
                        body,
                        place,
                        origin,
                        stands: review.findings.get(&act.id).copied().unwrap_or(false),
                        replaced_by: Vec::new(),
                        withdrawn_by: None,
                    };
                    all.insert(act.id, finding);
                }
                Body::FindingWithdrawn(withdrawn) => {
                    if let Some(finding) = all.get_mut(&withdrawn.finding) {
                        finding.withdrawn_by = Some(act.id);
                    }
                }
                _ => {}
            }
        }
        let mut standing: Vec<&Finding<'_>> = all.values().filter(|it| it.stands).collect();
        standing.sort_unstable_by_key(|finding| (finding.origin, finding.place));
        let standing: Vec<ActId> = standing.into_iter().map(|it| it.act.id).collect();
        let groups = groups(&all, &standing);
        Findings {
            all,
            standing,
            groups,
        }
    }

    /// The acts that are cited by what stands in a section.
    pub(super) fn in_section(
        &self,
        section: Section,
    ) -> impl Iterator<Item = (&'a Act, &'a FindingStated)> {
        let standing = self.standing.iter().filter_map(|id| self.all.get(id));
        standing
            .filter(move |finding| finding.body.section == section)
            .map(|finding| (finding.act, finding.body))
    }

    /// Every group of versions: the findings in it.
    pub(super) fn versions(&self) -> BTreeMap<usize, Vec<ActId>> {
        let mut versions: BTreeMap<usize, Vec<ActId>> = BTreeMap::new();
        for id in &self.standing {
            if let Some(group) = self.groups.get(id) {
                versions.entry(*group).or_default().push(*id);
            }
        }
        versions
    }

    pub(super) fn blocks(&self, story: &Story<'a>, section: Section) -> Vec<Block> {
        let versions = self.versions();
        let mut blocks = Vec::new();
        let mut shown = BTreeSet::new();
        for id in &self.standing {
            let Some(finding) = self.all.get(id) else {
                continue;
            };
            if finding.body.section != section {
                continue;
            }
            match self.groups.get(id) {
                None => blocks.push(Block::Saying(finding.saying(story))),
                Some(group) if shown.insert(*group) => {
                    let both = versions.get(group).into_iter().flatten();
                    let both = both.filter_map(|id| self.all.get(id));
                    blocks.push(Block::Versions(both.map(|it| it.saying(story)).collect()));
                }
                Some(_) => {}
            }
        }
        blocks
    }

    pub(super) fn standing(&self, story: &Story<'a>) -> Vec<Standing> {
        let standing = self.standing.iter().filter_map(|id| self.all.get(id));
        let standing = standing.map(|finding| Standing {
            section: finding.body.section,
            reach: finding.body.reach,
            group: self.groups.get(&finding.act.id).copied(),
            saying: finding.saying(story),
        });
        standing.collect()
    }

    /// What was said and does not stand any more.
    pub(super) fn history(&self, story: &Story<'a>) -> Vec<Block> {
        let mut gone: Vec<&Finding<'a>> = self.all.values().filter(|it| !it.stands).collect();
        gone.sort_unstable_by_key(|finding| finding.place);
        let saying = |finding: &Finding<'a>| {
            let mut saying = finding.saying(story);
            saying.notes.insert(0, finding.fate(story));
            Block::Saying(saying)
        };
        gone.into_iter().map(saying).collect()
    }
}

impl Finding<'_> {
    fn saying(&self, story: &Story<'_>) -> Saying {
        let text = story.text(&self.body.text);
        let mut saying = story.saying(self.act, text, &self.body.cites);
        if let Some(reach) = self.body.reach {
            saying.notes.push(words::reach(reach).to_owned());
        }
        saying
    }

    fn fate(&self, story: &Story<'_>) -> String {
        let number = |id: &ActId| match story.cite(id).index {
            Some(index) => format!("#{index}"),
            None => "?".to_owned(),
        };
        let section = words::section(self.body.section);
        let mut fates = Vec::new();
        if !self.replaced_by.is_empty() {
            let by: Vec<String> = self.replaced_by.iter().map(number).collect();
            fates.push(format!("replaced by {}", by.join(" and ")));
        }
        if let Some(by) = &self.withdrawn_by {
            fates.push(format!("withdrawn in {}", number(by)));
        }
        format!("{section}: {}", fates.join(", "))
    }
}

/// Which of those that stand go back to the same one. Each finding that was replaced is walked
/// through once: whoever comes to where another was before belongs to that one's group.
fn groups(all: &BTreeMap<ActId, Finding<'_>>, standing: &[ActId]) -> BTreeMap<ActId, usize> {
    let mut joined: Vec<usize> = (0..standing.len()).collect();
    let mut walked: BTreeMap<ActId, usize> = BTreeMap::new();
    for (number, id) in standing.iter().enumerate() {
        let mut ahead: Vec<ActId> = vec![*id];
        while let Some(id) = ahead.pop() {
            for replaced in all.get(&id).into_iter().flat_map(|it| &it.body.replaces) {
                match walked.insert(*replaced, number) {
                    None => ahead.push(*replaced),
                    Some(other) => {
                        let (one, two) = (root(&joined, number), root(&joined, other));
                        if let Some(slot) = joined.get_mut(one.max(two)) {
                            *slot = one.min(two);
                        }
                    }
                }
            }
        }
    }
    let mut sizes: BTreeMap<usize, usize> = BTreeMap::new();
    for number in 0..standing.len() {
        *sizes.entry(root(&joined, number)).or_default() += 1;
    }
    sizes.retain(|_, size| *size > 1);
    let numbers: BTreeMap<usize, usize> = sizes.keys().copied().zip(1..).collect();
    let group = |(number, id): (usize, &ActId)| {
        let group = numbers.get(&root(&joined, number))?;
        Some((*id, *group))
    };
    standing.iter().enumerate().filter_map(group).collect()
}

fn root(joined: &[usize], number: usize) -> usize {
    let mut at = number;
    while let Some(next) = joined.get(at)
        && *next != at
    {
        at = *next;
    }
    at
}

/// When which review was published, and what.
pub(super) fn published(story: &Story<'_>) -> Option<Block> {
    let rows: Vec<Vec<Fact>> = story
        .acts()
        .iter()
        .filter_map(|Placed { act, .. }| match &act.body {
            Body::ReviewPublished(body) => Some(vec![
                story.fact(words::second(act.at), &[act.id]),
                story.fact(body.audience.as_str(), &[]),
                story.fact(story.cast.actor(&act.actor), &[]),
                story.fact(
                    format!(
                        "{} bytes, SHA-256 {}",
                        body.document.bytes, body.document.sha256
                    ),
                    &[],
                ),
            ]),
            _ => None,
        })
        .collect();
    let head = ["Published", "For", "By", "What"]
        .map(str::to_owned)
        .to_vec();
    (!rows.is_empty()).then_some(Block::Table(Table { head, rows }))
}
