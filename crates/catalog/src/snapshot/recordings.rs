//! Which tracks are one recording: links, followed to their end.

use std::collections::{HashMap, HashSet};

use arrow::array::AsArray as _;
use arrow::datatypes::Int64Type;
use datafusion::prelude::{col, lit};
use fonoteca_model::Id;

use super::Snapshot;
use super::lookup::id_keys;
use crate::error::CatalogError;
use crate::schema::{Link, LinkEntity, Table};

impl Snapshot {
    /// The recording of each track: itself, where no link says otherwise.
    pub async fn recording_of(&self, tracks: &[Id]) -> Result<HashMap<Id, Id>, CatalogError> {
        self.resolve(LinkEntity::Recording, tracks).await
    }

    /// What each of `ids` is, links followed to the end.
    pub async fn resolve(&self, entity: LinkEntity, ids: &[Id]) -> Result<HashMap<Id, Id>, CatalogError> {
        let mut hops: HashMap<Id, Id> = HashMap::new();
        let mut asked: HashSet<Id> = HashSet::new();
        let mut ask: Vec<Id> = ids.to_vec();
        while !ask.is_empty() {
            asked.extend(ask.iter().copied());
            let found = self.links_from(entity, &ask).await?;
            ask =
                found.values().copied().filter(|to| !asked.contains(to)).collect::<HashSet<_>>().into_iter().collect();
            hops.extend(found);
        }
        Ok(ids.iter().map(|id| (*id, follow(&hops, *id))).collect())
    }

    /// The tracks that are these recordings: all that lead to them, and those whose own ids they are.
    pub async fn tracks_of_recordings(&self, recordings: &[Id]) -> Result<HashMap<Id, Vec<Id>>, CatalogError> {
        let members = self.leading_to(LinkEntity::Recording, recordings).await?;
        let tracks = self.only_tracks(members.values().flatten().copied()).await?;
        let held = |ids: Vec<Id>| ids.into_iter().filter(|id| tracks.contains(id)).collect();
        Ok(members.into_iter().map(|(recording, ids)| (recording, held(ids))).collect())
    }

    /// All ids whose links end at each of `ends`, in order; `ends` itself included where no link leads away from it.
    pub(super) async fn leading_to(
        &self,
        entity: LinkEntity,
        ends: &[Id],
    ) -> Result<HashMap<Id, Vec<Id>>, CatalogError> {
        let mut seen: HashSet<Id> = ends.iter().copied().collect();
        let mut ask: Vec<Id> = ends.to_vec();
        while !ask.is_empty() {
            let links: Vec<Link> = self.keyed_if("to_id", id_keys(&ask), Some(is(entity))).await?;
            ask = links.into_iter().map(|link| link.from_id).filter(|from| seen.insert(*from)).collect();
        }
        let mut seen: Vec<Id> = seen.into_iter().collect();
        seen.sort_unstable();
        // Some of these links no longer count: ask where each one really ends.
        let resolved = self.resolve(entity, &seen).await?;
        let mut members: HashMap<Id, Vec<Id>> = ends.iter().map(|end| (*end, Vec::new())).collect();
        for id in seen {
            if let Some(of_end) = members.get_mut(&resolved[&id]) {
                of_end.push(id);
            }
        }
        Ok(members)
    }

    /// Those of `ids` to or from which links of this kind lead, whether they count or not.
    pub(crate) async fn linked(&self, entity: LinkEntity, ids: &[Id]) -> Result<HashSet<Id>, CatalogError> {
        let mut linked = HashSet::new();
        for column in ["from_id", "to_id"] {
            let batches =
                self.keyed_batches(Table::Links.name(), &[column], column, id_keys(ids), Some(is(entity))).await?;
            for batch in batches {
                linked.extend(batch.column(0).as_primitive::<Int64Type>().values().iter().copied().map(Id));
            }
        }
        Ok(linked)
    }

    /// What `id` is, links followed to the end, and the links that count by which others are the same.
    pub async fn joins_of(&self, entity: LinkEntity, id: Id) -> Result<(Id, Vec<Link>), CatalogError> {
        let end = self.resolve(entity, &[id]).await?[&id];
        let members = self.leading_to(entity, &[end]).await?.remove(&end).unwrap_or_default();
        let links = self.counting_links(entity, &members).await?.into_values();
        let mut links: Vec<Link> = links.filter(|link| link.from_id != link.to_id).collect();
        links.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
        Ok((end, links))
    }

    /// One hop: of each id that has links, where the one that counts leads.
    async fn links_from(&self, entity: LinkEntity, ids: &[Id]) -> Result<HashMap<Id, Id>, CatalogError> {
        let links = self.counting_links(entity, ids).await?;
        Ok(links.into_iter().map(|(from, link)| (from, link.to_id)).collect())
    }

    /// Of each id that has links, the one that counts.
    pub async fn counting_links(&self, entity: LinkEntity, ids: &[Id]) -> Result<HashMap<Id, Link>, CatalogError> {
        let mut links: Vec<Link> = self.keyed_if("from_id", id_keys(ids), Some(is(entity))).await?;
        if links.is_empty() {
            return Ok(HashMap::new());
        }
        let keys: Vec<_> = links.iter().map(|link| lit(link.id.clone())).collect();
        let superseding: Vec<Link> = self.keyed("supersedes", keys).await?;
        let superseded: HashSet<String> = superseding.into_iter().filter_map(|link| link.supersedes).collect();
        links.retain(|link| !superseded.contains(&link.id));
        links.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
        Ok(links.into_iter().map(|link| (link.from_id, link)).collect())
    }

    /// Refuses links that, with those already there, would lead back to where they start.
    pub(crate) async fn refuse_cycles(&self, new: &[Link]) -> Result<(), CatalogError> {
        for entity in LinkEntity::ALL {
            let mut new: Vec<&Link> = new.iter().filter(|link| link.entity == *entity).collect();
            if new.is_empty() {
                continue;
            }
            new.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
            let mut hops: HashMap<Id, Id> = new.iter().map(|link| (link.from_id, link.to_id)).collect();
            let mut ask: Vec<Id> = hops.values().copied().filter(|to| !hops.contains_key(to)).collect();
            let mut asked: HashSet<Id> = HashSet::new();
            while !ask.is_empty() {
                asked.extend(ask.iter().copied());
                let found = self.links_from(*entity, &ask).await?;
                ask = found.values().copied().filter(|to| !asked.contains(to) && !hops.contains_key(to)).collect();
                hops.extend(found);
            }
            for link in new {
                let end = follow(&hops, link.from_id);
                if hops.get(&end).is_some_and(|next| *next != end) {
                    return Err(CatalogError::Cycle(link.from_id));
                }
            }
        }
        Ok(())
    }

    /// How many recordings the tracks are. Takes 16 bytes a link.
    pub(super) async fn count_recordings(&self, tracks: i64) -> Result<i64, CatalogError> {
        let hops = self.hops(LinkEntity::Recording).await?;
        let hops: HashMap<Id, Id> = hops.into_iter().map(|(from, to)| (Id(from), Id(to))).collect();
        if hops.is_empty() {
            return Ok(tracks);
        }
        let linked = self.only_tracks(hops.keys().copied()).await?;
        let recordings: HashSet<Id> = linked.iter().map(|track| follow(&hops, *track)).collect();
        // A track that no link names is the recording of its own id, and was counted as such.
        let unlinked: Vec<Id> = recordings.iter().copied().filter(|id| !linked.contains(id)).collect();
        let counted_already = self.only_tracks(unlinked).await?.len();
        Ok(tracks - linked.len() as i64 + recordings.len() as i64 - counted_already as i64)
    }

    /// Those of `ids` that are tracks.
    async fn only_tracks(&self, ids: impl IntoIterator<Item = Id>) -> Result<HashSet<Id>, CatalogError> {
        let keys = ids.into_iter().map(|id| lit(id.0));
        let batches = self.keyed_batches(Table::Tracks.name(), &["id"], "id", keys, None).await?;
        let ids = batches.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().iter().copied());
        Ok(ids.map(Id).collect())
    }
}

fn is(entity: LinkEntity) -> datafusion::prelude::Expr {
    col("entity").eq(lit(entity.as_str()))
}

/// The end of the way from `id`. Should two machines have made a circle, all of it is the lowest id in it.
fn follow(hops: &HashMap<Id, Id>, id: Id) -> Id {
    let mut seen = vec![id];
    let mut at = id;
    while let Some(next) = hops.get(&at).copied().filter(|next| *next != at) {
        if let Some(start) = seen.iter().position(|earlier| *earlier == next) {
            return seen[start..].iter().copied().min().unwrap_or(next);
        }
        seen.push(next);
        at = next;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hops(pairs: &[(i64, i64)]) -> HashMap<Id, Id> {
        pairs.iter().map(|(from, to)| (Id(*from), Id(*to))).collect()
    }

    #[test]
    fn redirects_are_followed_to_the_end() {
        let way = hops(&[(1, 2), (2, 3), (5, 5)]);
        assert_eq!([1, 2, 3, 5, 9].map(|id| follow(&way, Id(id)).0), [3, 3, 3, 5, 9]);
    }

    #[test]
    fn a_circle_is_one_recording_from_wherever_one_enters() {
        let way = hops(&[(9, 4), (4, 7), (7, 6), (6, 4)]);
        assert_eq!([9, 4, 7, 6].map(|id| follow(&way, Id(id)).0), [4, 4, 4, 4]);
    }
}
