//! From pairs to joins: what hangs together is looked at as a whole, the surest pair first, and contradictions are
//! refused.
//!
//! Pairs alone would chain: each step small, the ends far apart. So a join must also fit everything that was joined
//! before.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::ends::Ends;
use super::spill::{Edge, Record, Spilled, Spilling, parts};
use super::{IdentityError, REASONS, Report, Work, reason};

/// What is looked at before two things are joined.
#[derive(Debug, Clone, Default)]
pub(super) struct Node {
    pub(super) id: i64,
    /// Milliseconds, where that matters.
    pub(super) length: Option<i64>,
    /// A hash of the MusicBrainz id; 0: none.
    pub(super) mbid: u64,
    /// Two with the same are two: tracks of one album, rows of a source that tells its own rows apart.
    pub(super) exclusive: Option<i64>,
    pub(super) from_musicbrainz: bool,
}

impl Node {
    /// A row of a source, of which an authority tells its own apart: its place from 1, or 0 for another source.
    pub(super) fn of_source(id: i64, mbid: u64, authority: u8) -> Self {
        let exclusive = (authority > 0).then_some(i64::from(authority));
        Self { id, length: None, mbid, exclusive, from_musicbrainz: authority == 1 }
    }
}

/// What is joined.
pub(super) trait Item: Record {
    fn id(&self) -> i64;
    fn node(&self) -> Node;
}

/// A union-find over places.
struct Sets(Vec<u32>);

impl Sets {
    fn new(count: usize) -> Self {
        Self((0..count as u32).collect())
    }

    fn of(&mut self, mut at: usize) -> usize {
        while self.0[at] as usize != at {
            self.0[at] = self.0[self.0[at] as usize];
            at = self.0[at] as usize;
        }
        at
    }

    /// The lower place becomes the one of both.
    fn unite(&mut self, one: usize, other: usize) {
        let (one, other) = (self.of(one), self.of(other));
        self.0[one.max(other)] = one.min(other) as u32;
    }
}

/// Turns pairs into joins. `judge` looks at a pair once more with all that is known of both; it gives the score or
/// None.
///
/// Memory: 12 bytes for each id that is in a pair, and one part of the rest at a time.
pub(super) fn settle<T: Item>(
    name: &str,
    edges: Spilled<Edge>,
    items: &Spilled<T>,
    ends: &Ends,
    work: &Work<'_>,
    report: &mut Report,
    judge: impl Fn(&T, &T, &Edge) -> Option<f32>,
) -> Result<Spilled<Edge>, IdentityError> {
    let mut ids = Vec::new();
    for edge in edges.all() {
        let edge = edge?;
        ids.extend([edge.a, edge.b]);
        if ids.len() > (1 << 24) {
            sort_unique(&mut ids);
        }
    }
    sort_unique(&mut ids);
    // A join must fit all that are one already, also those that were not asked.
    ids.extend(ends.leading_where(&ids));
    sort_unique(&mut ids);
    let place = |id: i64| ids.binary_search(&id).ok();
    let mut sets = Sets::new(ids.len());
    for edge in edges.all() {
        let edge = edge?;
        if let (Some(a), Some(b)) = (place(edge.a), place(edge.b)) {
            sets.unite(a, b);
        }
    }
    // What leads to one end already hangs together; joined ends are among the ids.
    for (at, id) in ids.iter().enumerate() {
        if let Some(end) = place(ends.of(*id)) {
            sets.unite(end, at);
        }
    }
    let key = |sets: &mut Sets, at: usize| super::features::hash(sets.of(at));
    let count = parts(ids.len() as u64, 400);
    let mut nodes = Spilling::new(work.folder, &format!("{name}-nodes"), count)?;
    for item in items.all() {
        let item = item?;
        if let Some(at) = place(item.id()) {
            nodes.add(key(&mut sets, at), &item)?;
        }
    }
    let mut sorted = Spilling::new(work.folder, &format!("{name}-sorted"), count)?;
    for edge in edges.all() {
        let edge = edge?;
        if let Some(at) = place(edge.a) {
            sorted.add(key(&mut sets, at), &edge)?;
        }
    }
    drop((edges, sets, ids));
    let (nodes, sorted) = (nodes.finish()?, sorted.finish()?);
    let mut joins = Spilling::new(work.folder, &format!("{name}-joins"), 1)?;
    for part in 0..count {
        work.done(0)?;
        let known: Vec<T> = nodes.part(part)?.collect::<Result<_, _>>()?;
        let known: BTreeMap<i64, T> = known.into_iter().map(|item| (item.id(), item)).collect();
        let mut pairs: Vec<Edge> = sorted.part(part)?.collect::<Result<_, _>>()?;
        // The same pair may have been found several times: what its finds add up to is judged.
        pairs.sort_by(|x, y| (x.a, x.b, x.reason).cmp(&(y.a, y.b, y.reason)).then(y.score.total_cmp(&x.score)));
        pairs.dedup_by(|again, first| {
            let same = (again.a, again.b, again.reason) == (first.a, first.b, first.reason);
            if same && first.reason == reason("shared-tracks") {
                first.score += again.score;
            }
            same
        });
        pairs.retain_mut(|edge| {
            let (Some(a), Some(b)) = (known.get(&edge.a), known.get(&edge.b)) else { return false };
            judge(a, b, edge).map(|score| edge.score = score).is_some()
        });
        let nodes: Vec<Node> = known.values().map(Item::node).collect();
        for join in joined(&nodes, pairs, ends, report) {
            joins.add(0, &join)?;
        }
    }
    Ok(joins.finish()?)
}

fn sort_unique(ids: &mut Vec<i64>) {
    ids.sort_unstable();
    ids.dedup();
}

/// What was joined so far: the facts that the next join must fit.
#[derive(Default)]
struct Cluster {
    ends: Vec<i64>,
    length: Option<(i64, i64)>,
    mbid: u64,
    exclusive: HashSet<i64>,
    /// An end with the row of MusicBrainz itself.
    from_musicbrainz: Vec<i64>,
}

impl Cluster {
    fn add(&mut self, other: Self) {
        self.ends.extend(other.ends);
        self.length = match (self.length, other.length) {
            (Some(one), Some(two)) => Some((one.0.min(two.0), one.1.max(two.1))),
            (one, two) => one.or(two),
        };
        self.mbid = if self.mbid == 0 { other.mbid } else { self.mbid };
        self.exclusive.extend(other.exclusive);
        self.from_musicbrainz.extend(other.from_musicbrainz);
    }

    /// Whether joining both contradicts what is known of either.
    fn contradicts(&self, other: &Self, edge: &Edge) -> bool {
        if edge.reason == reason("mbid") {
            return false;
        }
        let span = if edge.reason == reason("isrc") { super::compare::CODED_SPAN_MS } else { super::compare::SPAN_MS };
        let far = match (self.length, other.length) {
            (Some(one), Some(two)) => {
                let longest = one.1.max(two.1);
                longest - one.0.min(two.0) > span.max(if span > super::compare::SPAN_MS { longest / 10 } else { 0 })
            }
            _ => false,
        };
        let codes = self.mbid != 0 && other.mbid != 0 && self.mbid != other.mbid;
        far || codes || self.exclusive.iter().any(|is| other.exclusive.contains(is))
    }
}

/// The joins among `nodes`, which are sorted by id. The same whatever the order of `pairs`.
fn joined(nodes: &[Node], mut pairs: Vec<Edge>, ends: &Ends, report: &mut Report) -> Vec<Edge> {
    pairs.sort_by(|x, y| x.reason.cmp(&y.reason).then(y.score.total_cmp(&x.score)).then((x.a, x.b).cmp(&(y.a, y.b))));
    pairs.dedup_by_key(|edge| (edge.a, edge.b));
    let mut sets = Sets::new(nodes.len());
    let mut clusters: Vec<Cluster> = Vec::with_capacity(nodes.len());
    let mut by_end: HashMap<i64, usize> = HashMap::new();
    for (at, node) in nodes.iter().enumerate() {
        let end = ends.of(node.id);
        let mut cluster = Cluster {
            ends: vec![end],
            length: node.length.map(|length| (length, length)),
            mbid: node.mbid,
            exclusive: node.exclusive.into_iter().collect(),
            from_musicbrainz: if node.from_musicbrainz && node.id == end { vec![end] } else { Vec::new() },
        };
        match by_end.get(&end) {
            Some(first) => {
                cluster.ends.clear();
                clusters[*first].add(cluster);
                clusters.push(Cluster::default());
                sets.unite(*first, at);
            }
            None => {
                by_end.insert(end, at);
                clusters.push(cluster);
            }
        }
    }
    let place = |id: i64| nodes.binary_search_by_key(&id, |node| node.id).ok();
    let mut kept: Vec<Edge> = Vec::new();
    for edge in pairs {
        let (Some(a), Some(b)) = (place(edge.a), place(edge.b)) else { continue };
        let (a, b) = (sets.of(a), sets.of(b));
        if a == b {
            continue;
        }
        let (low, high) = (a.min(b), a.max(b));
        if ends.are_apart(&clusters[low].ends, &clusters[high].ends) {
            report.taken_back += 1;
            continue;
        }
        if clusters[low].contradicts(&clusters[high], &edge) {
            report.contradictions += 1;
            continue;
        }
        let other = std::mem::take(&mut clusters[high]);
        clusters[low].add(other);
        sets.unite(low, high);
        kept.push(Edge { a: ends.of(edge.a), b: ends.of(edge.b), ..edge });
    }
    let mut of_cluster: HashMap<usize, Vec<Edge>> = HashMap::new();
    for edge in kept {
        let at = by_end[&edge.a];
        of_cluster.entry(sets.of(at)).or_default().push(edge);
    }
    let mut found: Vec<Edge> =
        of_cluster.iter().flat_map(|(at, tree)| star(chosen(&clusters[*at], ends), tree)).collect();
    found.sort_by_key(|join| join.a);
    for join in &found {
        let counts = report.joins.entry(report.entity).or_default();
        *counts.entry(REASONS[usize::from(join.reason)]).or_default() += 1;
    }
    found
}

/// Which id the others are joined to: one that is a recording already, else MusicBrainz's own row, else the lowest.
fn chosen(cluster: &Cluster, ends: &Ends) -> i64 {
    let best = cluster
        .ends
        .iter()
        .copied()
        .min_by_key(|id| (!ends.is_joined(*id), !cluster.from_musicbrainz.contains(id), *id));
    best.unwrap_or_default()
}

/// Every other id joined to `to`, each with the weakest step on its way there.
fn star(to: i64, tree: &[Edge]) -> Vec<Edge> {
    let mut beside: HashMap<i64, Vec<&Edge>> = HashMap::new();
    for edge in tree {
        beside.entry(edge.a).or_default().push(edge);
        beside.entry(edge.b).or_default().push(edge);
    }
    let mut joins: Vec<Edge> = Vec::new();
    let mut ask: Vec<(i64, Option<(u8, f32)>)> = vec![(to, None)];
    let mut seen = HashSet::from([to]);
    while let Some((at, way)) = ask.pop() {
        if let Some((reason, score)) = way {
            joins.push(Edge { a: at, b: to, reason, score });
        }
        for edge in beside.get(&at).into_iter().flatten() {
            let next = if edge.a == at { edge.b } else { edge.a };
            if seen.insert(next) {
                let step = (edge.reason, edge.score);
                let weakest = way.filter(|way| way.0 > step.0 || way.0 == step.0 && way.1 < step.1).unwrap_or(step);
                ask.push((next, Some(weakest)));
            }
        }
    }
    joins
}
