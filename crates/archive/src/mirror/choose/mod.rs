//! What a mirror is to hold: from what the feed lists, what is here, what others say they have, and the budget. Nothing is
//! asked and nothing done, so that a plan can be shown before it is carried out.
//!
//! The unit is a torrent, or some of its 64 *parts* where torrents are large for the budget: part *n* of a torrent is the
//! audio whose root begins with a byte from 4*n* to 4*n* + 3, which are four of its folders. So mirrors that never spoke to
//! each other cut alike, and a half of one is two quarters of another.

#[cfg(test)]
mod tests;

use std::cmp::Reverse;

use fonoteca_model::BlobId;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Parts of a torrent.
pub const PARTS: u32 = 64;
/// All parts of a torrent.
pub const ALL_PARTS: u64 = u64::MAX;
/// A budget is to hold so many units at least, as far as parts go.
const UNITS_PER_BUDGET: u64 = 64;

/// What comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// What is listened to most.
    #[default]
    Popular,
    /// What the fewest others have.
    Rarest,
    /// A slice of everything that depends on the mirror alone, and stays as it is when the feed changes.
    Random,
}

/// The part that a file belongs to, 0 to 63.
pub fn part_of(root: BlobId) -> u32 {
    u32::from(root.0[0]) / (256 / PARTS)
}

/// How many units a torrent of so many bytes is cut into under a budget: 1, 2, 4 … 64. `None` is a budget without end.
pub fn units_of(torrent_bytes: u64, budget_bytes: Option<u64>) -> u32 {
    let Some(budget) = budget_bytes else { return 1 };
    let largest = (budget / UNITS_PER_BUDGET).max(1);
    let wanted = torrent_bytes.div_ceil(largest).clamp(1, u64::from(PARTS));
    (wanted as u32).next_power_of_two()
}

/// The parts of unit `index` of `units`.
pub fn parts_of_unit(index: u32, units: u32) -> u64 {
    let width = PARTS / units;
    let ones = if width == PARTS { ALL_PARTS } else { (1 << width) - 1 };
    ones << (index * width)
}

/// A number that follows from the texts alone, spread evenly: the place of something in an order of one's own.
pub fn place(texts: &[&[u8]]) -> u64 {
    let mut hasher = Sha256::new();
    for text in texts {
        hasher.update((text.len() as u64).to_le_bytes());
        hasher.update(text);
    }
    let mut head = [0; 8];
    head.copy_from_slice(&hasher.finalize()[..8]);
    u64::from_be_bytes(head)
}

/// Something to hold or not to hold.
#[derive(Debug, Clone, Default)]
pub struct Unit {
    /// Which torrent, as an index.
    pub torrent: usize,
    /// Which of its parts.
    pub parts: u64,
    /// Bytes of all its files.
    pub bytes: u64,
    /// Those of them that are here.
    pub here: u64,
    /// It comes before everything else, and stays: metadata.
    pub must: bool,
    /// The feed does not list it any more: it stays while there is room, and is not fetched.
    pub gone: bool,
    /// The highest popularity in its torrent, 0 to 100.
    pub popularity: u64,
    /// Its place in this mirror's own order ([`place`]).
    pub spread: u64,
    /// What a tracker counted: peers with all of it, this mirror perhaps among them.
    pub seeders: u32,
    /// Other mirrors that reported to have it.
    pub copies: u32,
    /// Other mirrors that reported to have it or to be about to fetch it.
    pub claims: u32,
    /// Those of them that come before this mirror: while one has it, this one need not.
    pub ahead: u32,
}

impl Unit {
    /// Whether all of it is here.
    pub fn held(&self) -> bool {
        self.bytes > 0 && self.here >= self.bytes
    }

    fn begun(&self) -> bool {
        self.here > 0
    }

    /// Whether it is known to be safe without this mirror. A tracker's count is not enough: two mirrors that each count
    /// the other would both drop it.
    fn is_safe_elsewhere(&self) -> bool {
        if self.begun() { self.ahead > 0 && self.copies > 0 } else { self.copies > 0 || self.seeders > 0 }
    }

    /// The smaller, the sooner. What is here comes before what is as good: nothing is exchanged for its equal.
    fn order(&self, strategy: Strategy) -> (bool, bool, u64, bool, u64, u64, usize, u64) {
        let others = if self.begun() { self.ahead } else { self.ahead.max(self.seeders) };
        let (first, second, third) = match strategy {
            Strategy::Popular => (u64::MAX - self.popularity, 0, 0),
            Strategy::Rarest => (u64::from(others), u64::from(self.claims), self.spread),
            Strategy::Random => (0, 0, self.spread),
        };
        let here_first = strategy != Strategy::Random && !self.begun();
        (!self.must, self.gone, first, here_first, second, third, self.torrent, self.parts)
    }
}

/// What becomes of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is here and stays.
    Keep,
    /// It is fetched, or what is missing of it.
    Fetch,
    /// It is here, and goes.
    Drop,
    /// It is not here and is not fetched.
    Leave,
}

/// Decides about each unit. `overhead` has the bytes of what comes along with any part of each torrent: covers, index,
/// licences. The bytes of what is kept and fetched never exceed the budget.
///
/// What nobody else is known to have is dropped only when nothing that is safe elsewhere can go, or stay away, instead; what the
/// feed does not ask for any more makes nothing go.
pub fn choose(units: &[Unit], overhead: &[u64], budget_bytes: Option<u64>, strategy: Strategy) -> Vec<Action> {
    let mut order: Vec<usize> = (0..units.len()).collect();
    order.sort_by_key(|index| units[*index].order(strategy));
    let mut account = Account {
        units,
        overhead,
        taken: vec![false; units.len()],
        of_torrent: vec![0; overhead.len()],
        used: 0,
        budget: budget_bytes.unwrap_or(u64::MAX),
    };
    for index in &order {
        if units[*index].begun() || !units[*index].gone {
            account.take_if_it_fits(*index);
        }
    }
    for index in &order {
        let unit = &units[*index];
        if !account.taken[*index] && unit.held() && unit.copies == 0 && !unit.gone {
            account.make_room_for(*index, &order);
        }
    }
    let action = |(unit, taken): (&Unit, &bool)| match (*taken, unit.begun()) {
        (true, _) if unit.held() || unit.gone || unit.bytes == 0 => Action::Keep,
        (true, _) => Action::Fetch,
        (false, true) => Action::Drop,
        (false, false) => Action::Leave,
    };
    units.iter().zip(&account.taken).map(action).collect()
}

struct Account<'a> {
    units: &'a [Unit],
    overhead: &'a [u64],
    taken: Vec<bool>,
    /// Units taken of each torrent.
    of_torrent: Vec<usize>,
    used: u64,
    budget: u64,
}

impl Account<'_> {
    fn cost(&self, index: usize) -> u64 {
        let unit = &self.units[index];
        let along = if self.of_torrent[unit.torrent] == 0 { self.overhead[unit.torrent] } else { 0 };
        unit.bytes.saturating_add(along)
    }

    fn take_if_it_fits(&mut self, index: usize) -> bool {
        let cost = self.cost(index);
        let fits = self.used.checked_add(cost).is_some_and(|used| used <= self.budget);
        if fits {
            self.used += cost;
            self.taken[index] = true;
            self.of_torrent[self.units[index].torrent] += 1;
        }
        fits
    }

    fn give_up(&mut self, index: usize) {
        self.taken[index] = false;
        self.of_torrent[self.units[index].torrent] -= 1;
        self.used -= self.cost(index);
    }

    /// Gives up what is safe elsewhere, the last in the order first, until there is room; all or nothing.
    fn make_room_for(&mut self, index: usize, order: &[usize]) {
        let mut given_up = Vec::new();
        for other in order.iter().rev() {
            if self.take_if_it_fits(index) {
                break;
            }
            let unit = &self.units[*other];
            if self.taken[*other] && !unit.must && unit.bytes > 0 && unit.is_safe_elsewhere() {
                self.give_up(*other);
                given_up.push(*other);
            }
        }
        if !self.taken[index] {
            self.take_if_it_fits(index);
        }
        // What was given up and fits after all stays; where nothing was gained, all of it does.
        given_up.sort_by_key(|other| Reverse(self.units[*other].bytes));
        for other in given_up {
            self.take_if_it_fits(other);
        }
    }
}
