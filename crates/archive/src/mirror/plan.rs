//! What a pull would fetch and drop, and why.

use std::collections::{BTreeMap, HashSet};

use fonoteca_model::BlobId;
use fonoteca_model::progress::{Progress, Silent};
use fonoteca_torrent::feed::{Feed, FeedTorrent};
use serde::Serialize;

use super::choose::{ALL_PARTS, Action, PARTS, Strategy, Unit, choose};
use super::others::Others;
use super::survey::{OfTorrent, Survey};
use super::{Mirror, follow};
use crate::archive::Archive;
use crate::error::ArchiveError;

/// One torrent of a plan.
#[derive(Debug, Clone, Serialize)]
pub struct PlannedTorrent {
    /// Its release.
    pub release: String,
    /// Its name.
    pub name: String,
    /// Bytes of all of it.
    pub bytes: u64,
    /// Bytes of it that are to be here.
    pub want_bytes: u64,
    /// Those of them that are here.
    pub have_bytes: u64,
    /// Of its 64 parts, those that are to be here.
    pub parts: u32,
    /// Highest and lowest popularity; none for metadata.
    pub popularity: Option<[u64; 2]>,
    /// Everything that is to be here is.
    pub held: bool,
    /// Why it is wanted, or why it is not.
    pub why: String,
}

/// Something that goes.
#[derive(Debug, Clone, Serialize)]
pub struct PlannedDrop {
    /// Its release.
    pub release: String,
    /// Its torrent.
    pub name: String,
    /// Of the torrent's 64 parts, those that go.
    pub parts: u32,
    /// Bytes.
    pub bytes: u64,
    /// Nobody else is known to have it, and nothing that is safe elsewhere can go instead.
    pub last_copy: bool,
    /// Why it goes.
    pub why: String,
}

/// What a pull would fetch, in order, and what it would drop.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// The mirror.
    pub mirror: String,
    /// The feed's serial.
    pub serial: u64,
    /// What comes first.
    pub strategy: Strategy,
    /// Bytes that may be spent.
    pub budget_bytes: Option<u64>,
    /// What is inside the budget, in the order in which it is fetched.
    pub torrents: Vec<PlannedTorrent>,
    /// Bytes that are here already.
    pub have_bytes: u64,
    /// Bytes that are to be here in the end.
    pub want_bytes: u64,
    /// What goes before anything is fetched.
    pub drop: Vec<PlannedDrop>,
    /// Bytes that go.
    pub drop_bytes: u64,
    /// Torrents that the budget has no room for, or nothing of which is meant.
    pub beyond_budget: Vec<PlannedTorrent>,
}

/// A plan, and what is to be done for it.
pub(super) struct Work {
    pub plan: Plan,
    /// What is to be fetched, in order: an index into the feed's torrents, and which files; none: all.
    pub fetch: Vec<(usize, Option<HashSet<BlobId>>)>,
    /// What is to go, by release and torrent: the audio in these parts.
    pub drop: Vec<(String, String, u64)>,
    /// Releases whose torrents must be read before it is known what is in them.
    pub unopened: Vec<String>,
    /// Parts that are here and parts that are to come, by index into the feed's torrents.
    pub parts: BTreeMap<usize, (u64, u64)>,
}

/// Reads the feed and what other mirrors say, and plans: metadata first, then audio as the strategy orders it, as far as the
/// budget goes.
pub async fn plan(archive: &Archive, mirror: &mut Mirror, budget_bytes: Option<u64>) -> Result<Plan, ArchiveError> {
    let feed = follow::refresh(archive, mirror).await?;
    let others = look_around(archive, mirror, budget_bytes, &Silent).await?;
    Ok(plan_feed(archive, mirror, &feed, &others, budget_bytes).await?.plan)
}

/// Asks what others have, where it matters: without a budget everything is fetched anyway.
pub(super) async fn look_around(
    archive: &Archive,
    mirror: &Mirror,
    budget_bytes: Option<u64>,
    progress: &dyn Progress,
) -> Result<Others, ArchiveError> {
    if budget_bytes.or(mirror.budget()).is_none() {
        return Ok(Others::default());
    }
    Others::refresh(archive, mirror, progress).await
}

/// Plans by what is known, without asking anybody.
pub(super) async fn plan_feed(
    archive: &Archive,
    mirror: &Mirror,
    feed: &Feed,
    others: &Others,
    budget_bytes: Option<u64>,
) -> Result<Work, ArchiveError> {
    let budget = budget_bytes.or(mirror.budget());
    let strategy = mirror.rules.strategy();
    let survey = Survey::take(archive, mirror, feed, others, budget).await?;
    let overhead: Vec<u64> = survey.torrents.iter().map(|torrent| torrent.overhead).collect();
    let actions = choose(&survey.units, &overhead, budget, strategy);
    let mut work = Work {
        plan: Plan {
            mirror: mirror.name.clone(),
            serial: feed.serial,
            strategy,
            budget_bytes: budget,
            torrents: Vec::new(),
            have_bytes: 0,
            want_bytes: 0,
            drop: Vec::new(),
            drop_bytes: 0,
            beyond_budget: Vec::new(),
        },
        fetch: Vec::new(),
        drop: Vec::new(),
        unopened: Vec::new(),
        parts: BTreeMap::new(),
    };
    let mut next = 0;
    for (index, torrent) in survey.torrents.iter().enumerate() {
        let end = survey.units[next..]
            .iter()
            .position(|unit| unit.torrent != index)
            .map_or(survey.units.len(), |at| next + at);
        let decided: Vec<(&Unit, Action)> =
            survey.units[next..end].iter().zip(actions[next..end].iter().copied()).collect();
        next = end;
        add(&mut work, torrent, &decided, strategy, others);
    }
    Ok(work)
}

/// Puts what was decided about one torrent into the plan.
fn add(work: &mut Work, torrent: &OfTorrent<'_>, decided: &[(&Unit, Action)], strategy: Strategy, others: &Others) {
    let stays = |action: Action| matches!(action, Action::Keep | Action::Fetch);
    let parts = |wanted: &dyn Fn(&Unit, Action) -> bool| {
        decided.iter().filter(|(unit, action)| wanted(unit, *action)).fold(0, |all, (unit, _)| all | unit.parts)
    };
    let wanted_parts = parts(&|_, action| stays(action));
    let along = if wanted_parts == 0 { 0 } else { torrent.overhead };
    let mut planned = PlannedTorrent {
        release: torrent.release.clone(),
        name: torrent.name.clone(),
        bytes: torrent.bytes,
        want_bytes: along
            + decided.iter().filter(|(_, action)| stays(*action)).map(|(unit, _)| unit.bytes).sum::<u64>(),
        have_bytes: torrent.overhead_here.min(along)
            + decided
                .iter()
                .filter(|(_, action)| stays(*action))
                .map(|(unit, _)| unit.here.min(unit.bytes))
                .sum::<u64>(),
        parts: wanted_parts.count_ones(),
        popularity: torrent.popularity,
        held: false,
        why: String::new(),
    };
    let to_fetch = parts(&|unit, action| action == Action::Fetch && unit.bytes > 0);
    planned.held = planned.have_bytes >= planned.want_bytes;
    if let Some(feed_index) = torrent.listed {
        work.parts.insert(feed_index, (torrent.parts_here(), to_fetch));
        if torrent.is_unknown()
            && (to_fetch != 0 || torrent.matches_unknown)
            && !work.unopened.contains(&torrent.release)
        {
            work.unopened.push(torrent.release.clone());
        }
        if to_fetch != 0 || (wanted_parts != 0 && !planned.held && !torrent.is_gone()) {
            work.fetch.push((feed_index, torrent.files_of(wanted_parts)));
        }
    }
    let going: Vec<&Unit> =
        decided.iter().filter(|(_, action)| *action == Action::Drop).map(|(unit, _)| *unit).collect();
    if !going.is_empty() {
        let parts = going.iter().fold(0, |all, unit| all | unit.parts);
        let last_copy = going.iter().any(|unit| unit.copies == 0) && !torrent.is_gone();
        let why = match (torrent.listed, torrent.replaced, last_copy) {
            (None, ..) => "the feed lists it no more, and the room is needed",
            (_, true, _) => "a later torrent replaces it, and the room is needed",
            (_, _, true) => "beyond the budget; nobody else is known to have it",
            (_, _, false) => "others have it, and the room is needed",
        };
        let bytes = going.iter().map(|unit| unit.here).sum();
        work.plan.drop_bytes += bytes;
        work.drop.push((torrent.release.clone(), torrent.name.clone(), parts));
        work.plan.drop.push(PlannedDrop {
            release: torrent.release.clone(),
            name: torrent.name.clone(),
            parts: parts.count_ones(),
            bytes,
            last_copy,
            why: why.to_owned(),
        });
    }
    work.plan.want_bytes += planned.want_bytes;
    work.plan.have_bytes += planned.have_bytes;
    planned.why = why(torrent, decided, strategy, others, wanted_parts);
    if wanted_parts == 0 {
        work.plan.beyond_budget.push(planned);
    } else {
        work.plan.torrents.push(planned);
    }
}

/// Why a torrent is wanted, or not.
fn why(
    torrent: &OfTorrent<'_>,
    decided: &[(&Unit, Action)],
    strategy: Strategy,
    others: &Others,
    wanted_parts: u64,
) -> String {
    if torrent.listed.is_none() {
        return "the feed lists it no more; it stays while there is room".to_owned();
    }
    if torrent.replaced {
        let stays = if wanted_parts == 0 { "" } else { "; it stays while there is room" };
        return format!("a later torrent replaces it{stays}");
    }
    if torrent.is_metadata {
        return "metadata, which all else needs".to_owned();
    }
    if torrent.matches_unknown {
        return "what of it is meant is known when the metadata is here".to_owned();
    }
    if decided.is_empty() {
        return "nothing in it is meant".to_owned();
    }
    if wanted_parts == 0 {
        return "beyond the budget".to_owned();
    }
    let some = if wanted_parts.count_ones() < PARTS {
        format!("{} of {PARTS} parts, ", wanted_parts.count_ones())
    } else {
        String::new()
    };
    let of_wanted = || decided.iter().filter(|(unit, _)| unit.parts & wanted_parts != 0).map(|(unit, _)| unit);
    let reason = match strategy {
        Strategy::Popular => format!("popularity {}", torrent.popularity.map_or(0, |[high, _]| high)),
        Strategy::Random => "of this mirror's slice".to_owned(),
        Strategy::Rarest if others.is_empty() => "no other mirror is known to have it".to_owned(),
        Strategy::Rarest => {
            let (least, most) =
                of_wanted().fold((u32::MAX, 0), |(least, most), unit| (least.min(unit.claims), most.max(unit.claims)));
            if least == most {
                format!("{most} other mirrors have it")
            } else {
                format!("{least} to {most} other mirrors have it")
            }
        }
    };
    format!("{some}{reason}")
}

/// Which torrents of a feed are here, and which parts of the others: what is reported.
pub(crate) struct Held {
    pub serial: u64,
    pub have: Vec<fonoteca_model::Sha1Hash>,
    pub parts: Vec<crate::health::PartsOf>,
}

/// What is here of the feed believed last, and what is about to be.
pub(crate) async fn held(archive: &Archive, mirror: &Mirror) -> Result<Held, ArchiveError> {
    let mut held = Held { serial: 0, have: Vec::new(), parts: Vec::new() };
    let Some(feed) = follow::remembered(archive, mirror)? else { return Ok(held) };
    held.serial = feed.serial;
    let others = Others::remembered(archive, mirror)?;
    let work = plan_feed(archive, mirror, &feed, &others, None).await?;
    let is_going = |torrent: &FeedTorrent| work.drop.iter().any(|(_, name, _)| *name == torrent.name);
    for (index, (have, want)) in work.parts {
        let torrent = &feed.torrents[index];
        if have == ALL_PARTS && !is_going(torrent) {
            held.have.extend(torrent.variants.iter().map(|variant| variant.infohash_v1));
        } else if let Some(variant) = torrent.variants.first().filter(|_| have | want != 0) {
            let going =
                work.drop.iter().filter(|(_, name, _)| *name == torrent.name).fold(0, |all, (_, _, parts)| all | parts);
            held.parts.push(crate::health::PartsOf {
                torrent: variant.infohash_v1,
                have: crate::health::PartSet(have & !going),
                want: crate::health::PartSet(want & !have),
            });
        }
    }
    Ok(held)
}
