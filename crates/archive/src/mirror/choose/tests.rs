//! Properties of plans, over many made-up feeds: the budget holds, plans settle, mirrors that cannot speak to each other but by
//! reports share everything out, and the last copy stays.

use super::*;

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

const STRATEGIES: [Strategy; 3] = [Strategy::Popular, Strategy::Rarest, Strategy::Random];

/// Some torrents, cut for the budget, as one that has nothing sees them.
fn feed(dice: &mut Dice, budget: Option<u64>, mirror: u64) -> (Vec<Unit>, Vec<u64>) {
    let (mut units, mut overhead) = (Vec::new(), Vec::new());
    for torrent in 0..=dice.roll(12) as usize {
        let bytes = 1 + dice.roll(1_000_000);
        let must = torrent == 0;
        let cut = if must { 1 } else { units_of(bytes, budget) };
        overhead.push(if must { 0 } else { dice.roll(bytes / 50 + 1) });
        let popularity = dice.roll(101);
        for index in 0..cut {
            let parts = parts_of_unit(index, cut);
            let spread = place(&[&mirror.to_le_bytes(), &torrent.to_le_bytes(), &parts.to_le_bytes()]);
            let unit =
                Unit { torrent, parts, bytes: bytes / u64::from(cut), must, popularity, spread, ..Unit::default() };
            units.push(unit);
        }
    }
    (units, overhead)
}

fn carry_out(units: &mut [Unit], actions: &[Action]) {
    for (unit, action) in units.iter_mut().zip(actions) {
        match action {
            Action::Fetch => unit.here = unit.bytes,
            Action::Drop => unit.here = 0,
            Action::Keep | Action::Leave => {}
        }
    }
}

fn bytes_after(units: &[Unit], overhead: &[u64], actions: &[Action]) -> u64 {
    let stays = |action: &Action| matches!(action, Action::Keep | Action::Fetch);
    let of_units: u64 = units.iter().zip(actions).filter(|(_, action)| stays(action)).map(|(unit, _)| unit.bytes).sum();
    let along = overhead.iter().enumerate().filter(|(torrent, _)| {
        units.iter().zip(actions).any(|(unit, action)| unit.torrent == *torrent && stays(action))
    });
    of_units + along.map(|(_, bytes)| bytes).sum::<u64>()
}

#[test]
fn parts_are_cut_alike_and_cover_everything_once() {
    for units in [1, 2, 4, 8, 16, 32, 64] {
        let all: Vec<u64> = (0..units).map(|index| parts_of_unit(index, units)).collect();
        assert_eq!(all.iter().fold(0, |sum, parts| sum ^ parts), ALL_PARTS, "{units}");
        assert!(all.iter().all(|parts| parts.count_ones() == PARTS / units));
    }
    assert_eq!([0, 3, 4, 0x80, 0xff].map(|byte| part_of(BlobId([byte; 32]))), [0, 0, 1, 32, 63]);
    assert_eq!(units_of(32 << 30, None), 1);
    assert_eq!(units_of(32 << 30, Some(4_000_000_000_000)), 1);
    assert_eq!(units_of(32 << 30, Some(1_000_000_000_000)), 4);
    assert_eq!((units_of(1000, Some(10)), units_of(0, Some(0)), units_of(u64::MAX, Some(1))), (64, 1, 64));
}

#[test]
fn a_plan_keeps_the_budget_and_settles() {
    for seed in 0..2_000 {
        let mut dice = Dice(seed);
        let budget = (seed % 7 != 0).then(|| dice.roll(4_000_000));
        let strategy = STRATEGIES[seed as usize % 3];
        let (mut units, overhead) = feed(&mut dice, budget, seed);
        for unit in &mut units {
            unit.here = if dice.roll(3) == 0 { dice.roll(unit.bytes + 1) } else { 0 };
            unit.copies = dice.roll(3) as u32;
            unit.claims = unit.copies + dice.roll(2) as u32;
            unit.ahead = dice.roll(u64::from(unit.claims) + 1) as u32;
            unit.seeders = dice.roll(3) as u32;
            unit.gone = !unit.must && dice.roll(10) == 0;
        }
        let mut settled = false;
        for _ in 0..6 {
            let actions = choose(&units, &overhead, budget, strategy);
            let after = bytes_after(&units, &overhead, &actions);
            assert!(budget.is_none_or(|budget| after <= budget), "seed {seed}: {after} of {budget:?}");
            settled = actions.iter().all(|action| !matches!(action, Action::Fetch | Action::Drop));
            carry_out(&mut units, &actions);
        }
        assert!(settled, "seed {seed}: the plan never comes to rest");
        if budget.is_none() {
            assert!(units.iter().all(|unit| unit.held() || unit.gone || unit.bytes == 0), "seed {seed}");
        }
    }
}

#[test]
fn the_last_copy_goes_only_when_nothing_that_is_safe_elsewhere_can() {
    let mut dropped = 0;
    for seed in 0..2_000 {
        let mut dice = Dice(seed);
        let budget = 200_000 + dice.roll(1_000_000);
        let strategy = STRATEGIES[seed as usize % 3];
        let (mut units, overhead) = feed(&mut dice, Some(budget), seed);
        for unit in &mut units {
            unit.here = if dice.roll(2) == 0 { unit.bytes } else { 0 };
            unit.copies = dice.roll(2) as u32;
            unit.claims = unit.copies;
            unit.ahead = unit.copies;
        }
        let actions = choose(&units, &overhead, Some(budget), strategy);
        let used = bytes_after(&units, &overhead, &actions);
        for (unit, _) in
            units.iter().zip(&actions).filter(|(unit, action)| **action == Action::Drop && unit.copies == 0)
        {
            dropped += 1;
            let could_go: u64 = units
                .iter()
                .zip(&actions)
                .filter(|(other, action)| {
                    matches!(action, Action::Keep | Action::Fetch) && !other.must && other.copies > 0
                })
                .map(|(other, _)| other.bytes)
                .sum();
            let with_it = used - could_go.min(used) + unit.bytes + overhead[unit.torrent];
            assert!(
                with_it > budget,
                "seed {seed}: {} bytes were dropped, and {could_go} that are safe stay",
                unit.bytes
            );
        }
    }
    assert!(dropped > 100, "only {dropped} last copies were dropped at all");
}

#[test]
fn a_random_slice_hardly_changes_when_the_feed_grows() {
    for seed in 0..200 {
        let budget = 2_000_000;
        let unit = |torrent: usize| Unit {
            torrent,
            parts: ALL_PARTS,
            bytes: 10_000,
            spread: place(&[&u64::to_le_bytes(seed), &torrent.to_le_bytes()]),
            ..Unit::default()
        };
        let mut units: Vec<Unit> = (0..1_000).map(unit).collect();
        let first = choose(&units, &[0; 1_000], Some(budget), Strategy::Random);
        carry_out(&mut units, &first);
        assert_eq!(units.iter().filter(|unit| unit.held()).count(), 200);
        units.extend((1_000..1_010).map(unit));
        let second = choose(&units, &[0; 1_010], Some(budget), Strategy::Random);
        let dropped = second.iter().filter(|action| **action == Action::Drop).count();
        let fetched = second.iter().filter(|action| **action == Action::Fetch).count();
        assert!(dropped == fetched && dropped <= 10, "seed {seed}: {dropped} dropped for ten new ones");
    }
}

/// Mirrors that see each other's last reports, as `others.rs` counts them.
struct Swarm {
    mirrors: Vec<Vec<Unit>>,
    overhead: Vec<u64>,
    budgets: Vec<u64>,
    /// Each mirror's place for each torrent.
    places: Vec<Vec<u64>>,
    /// What each last said: units that it has, and that it is about to fetch.
    said: Vec<(Vec<bool>, Vec<bool>)>,
}

impl Swarm {
    fn look(&mut self, me: usize) {
        for index in 0..self.mirrors[me].len() {
            let torrent = self.mirrors[me][index].torrent;
            let begun = self.mirrors[me][index].here > 0;
            let others = (0..self.mirrors.len()).filter(|other| *other != me);
            let (mut copies, mut claims, mut ahead) = (0, 0, 0);
            for other in others {
                let (has, wants) = (self.said[other].0[index], self.said[other].1[index]);
                let first = self.places[other][torrent] < self.places[me][torrent];
                copies += u32::from(has);
                claims += u32::from(has || wants);
                ahead += u32::from(if begun { has && first } else { has || (wants && first) });
            }
            let unit = &mut self.mirrors[me][index];
            (unit.copies, unit.claims, unit.ahead) = (copies, claims, ahead);
        }
    }

    fn plan(&mut self, me: usize) -> Vec<Action> {
        self.look(me);
        let actions = choose(&self.mirrors[me], &self.overhead, Some(self.budgets[me]), Strategy::Rarest);
        let has = |action: &Action| matches!(action, Action::Keep);
        self.said[me] = (
            self.mirrors[me].iter().zip(&actions).map(|(unit, action)| unit.held() && has(action)).collect(),
            actions.iter().map(|action| *action == Action::Fetch).collect(),
        );
        actions
    }

    fn covered(&self) -> usize {
        (0..self.mirrors[0].len()).filter(|index| self.mirrors.iter().any(|units| units[*index].held())).count()
    }
}

#[test]
fn three_mirrors_with_two_fifths_each_that_begin_at_once_cover_everything() {
    for seed in 0..100 {
        let mut dice = Dice(seed);
        let torrents = 1 + dice.roll(4) as usize;
        let sizes: Vec<u64> = (0..torrents).map(|_| 500_000 + dice.roll(500_000)).collect();
        let total: u64 = sizes.iter().sum();
        let budget = total * 2 / 5;
        let mirror = |id: usize| {
            let mut units = Vec::new();
            for (torrent, bytes) in sizes.iter().enumerate() {
                let cut = units_of(*bytes, Some(budget));
                for index in 0..cut {
                    let parts = parts_of_unit(index, cut);
                    let spread = place(&[&id.to_le_bytes(), &torrent.to_le_bytes(), &parts.to_le_bytes()]);
                    units.push(Unit { torrent, parts, bytes: bytes / u64::from(cut), spread, ..Unit::default() });
                }
            }
            units
        };
        let mirrors: Vec<Vec<Unit>> = (0..3).map(mirror).collect();
        let none = vec![false; mirrors[0].len()];
        let said = vec![(none.clone(), none); 3];
        let place_of = |id: usize, torrent: usize| place(&[b"key", &id.to_le_bytes(), &torrent.to_le_bytes()]);
        let places = (0..3).map(|id| (0..torrents).map(|torrent| place_of(id, torrent)).collect()).collect();
        let mut swarm = Swarm { overhead: vec![0; torrents], budgets: vec![budget; 3], mirrors, places, said };
        let units = swarm.mirrors[0].len();
        let mut rounds = 0;
        let mut covered = 0;
        while swarm.covered() < units {
            // The worst case: each plans by what was said before anybody did anything.
            let before = swarm.said.clone();
            let mut after = Vec::new();
            let mut plans = Vec::new();
            for me in 0..3 {
                swarm.said.clone_from(&before);
                plans.push(swarm.plan(me));
                after.push(swarm.said[me].clone());
            }
            swarm.said = after;
            for (me, plan) in plans.iter().enumerate() {
                carry_out(&mut swarm.mirrors[me], plan);
            }
            assert!(swarm.covered() >= covered, "seed {seed}: something was lost");
            covered = swarm.covered();
            rounds += 1;
            assert!(rounds < 10, "seed {seed}: {covered} of {units} after {rounds} rounds");
        }
        // And then it stays so.
        for _ in 0..5 {
            for me in 0..3 {
                let plan = swarm.plan(me);
                carry_out(&mut swarm.mirrors[me], &plan);
                swarm.plan(me);
            }
            assert_eq!(swarm.covered(), units, "seed {seed}");
        }
        for me in 0..3 {
            let plan = swarm.plan(me);
            assert!(!plan.contains(&Action::Drop) && !plan.contains(&Action::Fetch), "seed {seed}: it never rests");
        }
    }
}
