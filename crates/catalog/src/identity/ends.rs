//! What the links say now: where each id leads, and which joins somebody took back.

use std::collections::{HashMap, HashSet};

use fonoteca_model::{Id, Timestamp};

use super::IdentityError;
use super::spill::{Edge, Spilled};
use crate::error::CatalogError;
use crate::schema::{Link, LinkEntity};
use crate::snapshot::Snapshot;

/// The links of one kind, as they stand. Takes 24 bytes a link.
pub(super) struct Ends {
    /// From, to; sorted.
    hops: Vec<(i64, i64)>,
    /// What links lead to; sorted.
    targets: Vec<i64>,
    /// Pairs that somebody took apart, both ways, by where each leads.
    apart: HashMap<i64, Vec<i64>>,
}

impl Ends {
    pub(super) async fn load(snapshot: &Snapshot, entity: LinkEntity) -> Result<Self, CatalogError> {
        let word = entity.as_str();
        let mut hops = snapshot.hops(entity).await?;
        hops.retain(|(from, to)| from != to);
        let mut ends = Self { hops, targets: Vec::new(), apart: HashMap::new() };
        ends.sort();
        let taken_back = format!(
            "entity = '{word}' AND from_id IN \
             (SELECT from_id FROM links WHERE entity = '{word}' AND from_id = to_id)"
        );
        for (one, other) in taken_apart(&snapshot.rows::<Link>(&taken_back).await?) {
            let (one, other) = (ends.of(one.0), ends.of(other.0));
            if one != other {
                ends.apart.entry(one).or_default().push(other);
                ends.apart.entry(other).or_default().push(one);
            }
        }
        Ok(ends)
    }

    fn sort(&mut self) {
        self.hops.sort_unstable();
        self.targets = self.hops.iter().map(|(_, to)| *to).collect();
        self.targets.sort_unstable();
        self.targets.dedup();
    }

    /// With joins that are not committed yet.
    pub(super) fn with(mut self, joins: &Spilled<Edge>) -> Result<Self, IdentityError> {
        for join in joins.all() {
            let join = join?;
            self.hops.push((join.a, join.b));
        }
        self.sort();
        Ok(self)
    }

    fn hop(&self, id: i64) -> Option<i64> {
        let at = self.hops.binary_search_by_key(&id, |(from, _)| *from).ok()?;
        Some(self.hops[at].1)
    }

    /// Where an id leads. Should two machines have made a circle, all of it is the lowest id in it.
    pub(super) fn of(&self, id: i64) -> i64 {
        let mut way = vec![id];
        let mut at = id;
        while let Some(next) = self.hop(at) {
            if let Some(start) = way.iter().position(|earlier| *earlier == next) {
                return way[start..].iter().copied().min().unwrap_or(next);
            }
            way.push(next);
            at = next;
        }
        at
    }

    /// All ids that lead where one of `ids` leads.
    pub(super) fn leading_where(&self, ids: &[i64]) -> Vec<i64> {
        let mut ends: Vec<i64> = ids.iter().map(|id| self.of(*id)).filter(|end| self.is_joined(*end)).collect();
        ends.sort_unstable();
        ends.dedup();
        let leads = |id: &i64| ends.binary_search(&self.of(*id)).is_ok();
        let mut leading: Vec<i64> = self.hops.iter().map(|(from, _)| *from).filter(leads).collect();
        leading.extend(&ends);
        leading
    }

    /// Whether links lead to it.
    pub(super) fn is_joined(&self, id: i64) -> bool {
        self.targets.binary_search(&id).is_ok()
    }

    /// Whether somebody took one of these apart from one of those.
    pub(super) fn are_apart(&self, these: &[i64], those: &[i64]) -> bool {
        if self.apart.is_empty() {
            return false;
        }
        these.iter().filter_map(|id| self.apart.get(id)).flatten().any(|other| those.contains(other))
    }
}

/// Each pair whose join was taken back by a link to itself, and not made again since.
pub(super) fn taken_apart(links: &[Link]) -> Vec<(Id, Id)> {
    let superseded: HashSet<&str> = links.iter().filter_map(|link| link.supersedes.as_deref()).collect();
    let moment = |link: &Link| -> (Timestamp, String) { (link.at, link.id.clone()) };
    let mut pairs = Vec::new();
    // A link to itself that somebody took back in turn says nothing any more.
    let back = links.iter().filter(|link| link.from_id == link.to_id && !superseded.contains(link.id.as_str()));
    for back in back {
        for link in links.iter().filter(|link| link.from_id == back.from_id && link.to_id != link.from_id) {
            let named = back.supersedes.as_deref() == Some(link.id.as_str());
            let again = links.iter().any(|later| {
                let same = later.from_id == link.from_id && later.to_id == link.to_id;
                same && moment(later) > moment(back) && !superseded.contains(later.id.as_str())
            });
            if (named || moment(link) < moment(back)) && !again {
                pairs.push((link.from_id, link.to_id));
            }
        }
    }
    pairs
}
