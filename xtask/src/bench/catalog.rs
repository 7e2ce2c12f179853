//! The catalogue at any size, beside what people use now: SQLite (normalised, indexed, with FTS5) and DuckDB on Parquet.
//!
//! The work is done by the bench program of `fonoteca-catalog`, a process a phase, which leave their figures in a folder:
//! what is done there is not done again, so that a large run can be stopped and gone on with.

use std::cell::OnceCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::{Outcome, Row, Scale, TargetIs, build, median};
use crate::tools;
use crate::workspace::{Workspace, output, run};

/// Optimising comes last, since an index is of the files that it was made of.
pub const OURS: [&str; 9] = ["load", "index", "lookups", "pages", "searches", "recall", "sql", "cold", "optimise"];
const SQLITE: [&str; 2] = ["sqlite-load", "sqlite-ask"];
/// Processes that ask one thing each after everything was dropped from memory.
const COLD_TURNS: usize = 31;

/// From so many tracks on, a search may take as long as with 256 million.
const LARGE: u64 = 100_000_000;

/// One line of the table: figure, unit, phase and name of ours, of the peer, and what is to be reached.
struct Figure {
    name: &'static str,
    unit: &'static str,
    ours: (&'static str, &'static str),
    peer: Option<(&'static str, &'static str, &'static str)>,
    target: Option<(TargetIs, f64)>,
    /// What is to be reached by a [`LARGE`] catalogue, where that differs.
    target_large: Option<f64>,
}

const fn figure(
    name: &'static str,
    unit: &'static str,
    ours: (&'static str, &'static str),
    peer: Option<(&'static str, &'static str, &'static str)>,
    target: Option<(TargetIs, f64)>,
) -> Figure {
    Figure { name, unit, ours, peer, target, target_large: None }
}

impl Figure {
    const fn large(self, target: f64) -> Self {
        Self { target_large: Some(target), ..self }
    }
}

const SQLITE_NAME: &str = "SQLite with FTS5";
const DUCKDB_NAME: &str = "DuckDB on Parquet by ISRC";
/// Names that are computed from several phases.
const TOTAL: &str = "total";

const FIGURES: [Figure; 21] = [
    figure("bytes a track", "B", (TOTAL, "bytes_a_track"), sqlite("sqlite-load", "bytes_a_track"), most(120.0)),
    figure(
        "bytes a track, tables",
        "B",
        ("load", "bytes_a_track"),
        duckdb("bytes_a_track"),
        Some((TargetIs::Ratio, 1.0)),
    ),
    figure("load", "rows/s", ("load", "rows_per_second"), None, Some((TargetIs::AtLeast, 350_000.0))),
    figure(
        "load and index",
        "rows/s",
        (TOTAL, "rows_per_second"),
        sqlite("sqlite-load", "rows_per_second"),
        Some((TargetIs::Ratio, 1.2)),
    ),
    figure("by id, p50", "ms", ("lookups", "by_id_p50_ms"), sqlite("sqlite-ask", "by_id_p50_ms"), most(0.2)),
    figure("by id, p99", "ms", ("lookups", "by_id_p99_ms"), sqlite("sqlite-ask", "by_id_p99_ms"), most(2.0)),
    figure("by ISRC, p50", "ms", ("lookups", "by_isrc_p50_ms"), sqlite("sqlite-ask", "by_isrc_p50_ms"), most(0.2)),
    figure("by ISRC, p99", "ms", ("lookups", "by_isrc_p99_ms"), sqlite("sqlite-ask", "by_isrc_p99_ms"), most(2.0)),
    figure("by ISRC, p50", "ms", ("lookups", "by_isrc_p50_ms"), duckdb("by_isrc_p50_ms"), None),
    figure("look-up, cold, p50", "ms", ("cold", "p50_ms"), None, most(6.0)),
    figure("page of 500 by popularity, p99", "ms", ("pages", "page_by_popularity_p99_ms"), None, most(30.0)),
    figure("page of 500 by album, p99", "ms", ("pages", "page_by_album_p99_ms"), None, most(30.0)),
    figure("search, p50", "ms", ("searches", "search_p50_ms"), sqlite("sqlite-ask", "search_p50_ms"), most(2.0))
        .large(10.0),
    figure("search, p99", "ms", ("searches", "search_p99_ms"), sqlite("sqlite-ask", "search_p99_ms"), most(25.0))
        .large(100.0),
    figure("recall at 10", "share", ("recall", "recall_at_10"), None, Some((TargetIs::AtLeast, 0.99))),
    figure("prefixes without an answer", "queries", ("searches", "search_prefix_empty"), None, most(0.0)),
    figure("aggregate", "s", ("sql", "aggregate_seconds"), sqlite("sqlite-ask", "aggregate_seconds"), most(0.3)),
    figure("aggregate", "s", ("sql", "aggregate_seconds"), duckdb("aggregate_seconds"), None),
    figure("peak memory", "GiB", (TOTAL, "peak_gib"), None, most(8.0)),
    figure("peak memory with mapped files", "GiB", (TOTAL, "mapped_peak_gib"), None, None),
    figure("memory to serve", "GiB", (TOTAL, "serving_gib"), None, most(2.0)),
];

#[expect(clippy::unnecessary_wraps, reason = "so that the table of figures is short")]
const fn sqlite(phase: &'static str, name: &'static str) -> Option<(&'static str, &'static str, &'static str)> {
    Some((SQLITE_NAME, phase, name))
}

#[expect(clippy::unnecessary_wraps, reason = "so that the table of figures is short")]
const fn duckdb(name: &'static str) -> Option<(&'static str, &'static str, &'static str)> {
    Some((DUCKDB_NAME, "duckdb", name))
}

#[expect(clippy::unnecessary_wraps, reason = "so that the table of figures is short")]
const fn most(value: f64) -> Option<(TargetIs, f64)> {
    Some((TargetIs::AtMost, value))
}

/// Runs the phases that are not done and reads what they found.
pub fn measure(workspace: &Workspace, scale: &Scale) -> Result<Outcome> {
    let temporary;
    let dir = if let Some(dir) = &scale.keep {
        dir.clone()
    } else {
        temporary = tempfile::tempdir().context("cannot create a temporary folder")?;
        temporary.path().to_owned()
    };
    fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
    let bench = Phases { workspace, program: OnceCell::new(), dir: &dir, rows: scale.rows };
    let mut names: Vec<&str> =
        OURS.into_iter().filter(|phase| !scale.skip.iter().any(|skipped| skipped == phase)).collect();
    for phase in &names {
        bench.run(phase)?;
    }
    if !scale.no_peers {
        for phase in SQLITE {
            bench.run(phase)?;
        }
        bench.duckdb()?;
        names.extend(SQLITE);
        names.push("duckdb");
    }
    let phases = names.iter().map(|phase| bench.read(phase)).collect::<Result<Vec<_>>>()?;
    let found = Found { rows: scale.rows, total: total(&phases), phases };
    Ok(Outcome {
        work: format!("{} synthetic tracks", scale.rows),
        rows: FIGURES.iter().filter_map(|figure| found.row(figure)).collect(),
        phases: found.phases,
    })
}

struct Phases<'a> {
    workspace: &'a Workspace,
    /// Built when a phase is to be run.
    program: OnceCell<PathBuf>,
    dir: &'a Path,
    rows: u64,
}

impl Phases<'_> {
    fn file(&self, phase: &str) -> PathBuf {
        self.dir.join("phases").join(format!("{phase}.json"))
    }

    fn read(&self, phase: &str) -> Result<Value> {
        let file = self.file(phase);
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is no JSON", file.display()))
    }

    fn run(&self, phase: &str) -> Result<()> {
        if let Ok(done) = self.read(phase) {
            if done["rows"] != self.rows {
                bail!("{} holds a catalogue of {} tracks, not {}", self.dir.display(), done["rows"], self.rows);
            }
            eprintln!("{phase}: done before");
            return Ok(());
        }
        eprintln!("{phase} …");
        if phase == "cold" {
            return self.cold();
        }
        // Its stdout is for people who run it alone; ours is for the rows.
        run(self.command(phase)?.stdout(Stdio::null()))
    }

    fn command(&self, phase: &str) -> Result<Command> {
        if self.program.get().is_none() {
            let built = build(self.workspace, "fonoteca-catalog", "catalog")?;
            self.program.get_or_init(|| built);
        }
        let program = self.program.get().context("it was built above")?;
        let mut command = Command::new(program);
        command.arg(phase).arg(self.dir).arg(self.rows.to_string());
        Ok(command)
    }

    fn cold(&self) -> Result<()> {
        let times = (0..COLD_TURNS).map(|turn| {
            let printed = output(&mut self.command(&format!("cold:{turn}"))?)?;
            printed.trim().parse::<f64>().context("a cold look-up prints its milliseconds")
        });
        let times = times.collect::<Result<Vec<_>>>()?;
        let kept = json!({
            "phase": "cold",
            "rows": self.rows,
            "figures": { "p50_ms": median(times.clone()), "times_ms": times },
        });
        fs::write(self.file("cold"), serde_json::to_string_pretty(&kept)? + "\n").context("cannot keep the figures")
    }

    fn duckdb(&self) -> Result<()> {
        if self.read("duckdb").is_ok() {
            eprintln!("duckdb: done before");
            return Ok(());
        }
        eprintln!("duckdb …");
        tools::install_python_tools(self.workspace)?;
        let keys = self.dir.join("keys.json");
        run(self.command("keys")?.stdout(fs::File::create(&keys).context("cannot keep the keys")?))?;
        let script = self.workspace.root.join("crates/catalog/benches/catalog/duckdb_peer.py");
        let mut command = Command::new(tools::python(self.workspace));
        run(command.arg(script).arg(self.dir).arg(self.rows.to_string()).arg(keys).stdout(Stdio::null()))
    }
}

/// What is true of several phases together.
fn total(phases: &[Value]) -> Value {
    let of = |phase: &str| phases.iter().find(|found| found["phase"] == phase).unwrap_or(&Value::Null);
    let bytes = |phase: &str| of(phase)["figures"]["bytes_a_track"].as_f64();
    // By their rates: a load that was gone on with counts the rows of its last run alone.
    let slowness = |phase: &str| of(phase)["figures"]["rows_per_second"].as_f64().map(|rate| 1.0 / rate);
    let sum = |values: [Option<f64>; 2]| values.into_iter().sum::<Option<f64>>();
    let gib = |phase: &str, name: &str| of(phase)[name].as_f64().unwrap_or(0.0) / f64::from(1 << 30);
    let most = |phases: &[&str], name: &str| phases.iter().map(|phase| gib(phase, name)).fold(0.0, f64::max);
    json!({
        "bytes_a_track": sum(["load", "index"].map(bytes)),
        "rows_per_second": sum(["load", "index"].map(slowness)).map(|seconds| 1.0 / seconds),
        // Pages of mapped files are the kernel's to take back.
        "peak_gib": most(&["load", "index"], "peak_anonymous_bytes"),
        "mapped_peak_gib": most(&["load", "index"], "peak_memory_bytes"),
        "serving_gib": most(&["lookups", "pages", "searches"], "peak_anonymous_bytes"),
    })
}

struct Found {
    rows: u64,
    phases: Vec<Value>,
    total: Value,
}

impl Found {
    fn value(&self, phase: &str, name: &str) -> Option<f64> {
        if phase == TOTAL {
            return self.total[name].as_f64();
        }
        self.phases.iter().find(|found| found["phase"] == phase)?["figures"][name].as_f64()
    }

    fn row(&self, figure: &Figure) -> Option<Row> {
        let ours = self.value(figure.ours.0, figure.ours.1)?;
        let peer = figure.peer.and_then(|(_, phase, name)| self.value(phase, name));
        // A line that is there for the peer's sake says nothing without it.
        if figure.peer.is_some() && figure.target.is_none() && peer.is_none() {
            return None;
        }
        let more_is_better = figure.unit == "rows/s";
        let ratio = peer.map(|peer| if more_is_better { ours / peer } else { peer / ours });
        let (target_is, target) = figure.target.unzip();
        let target_is = target_is.unwrap_or(TargetIs::Ratio);
        let target = figure.target_large.filter(|_| self.rows >= LARGE).or(target);
        let meets = target.and_then(|target| match target_is {
            TargetIs::Ratio => ratio.map(|ratio| ratio >= target),
            TargetIs::AtMost => Some(ours <= target),
            TargetIs::AtLeast => Some(ours >= target),
        });
        Some(Row {
            figure: figure.name.to_owned(),
            unit: figure.unit,
            ours,
            peer,
            peer_name: figure.peer.map(|(name, ..)| name).filter(|_| peer.is_some()),
            ratio,
            target,
            target_is,
            meets,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(phases: Vec<Value>) -> Found {
        Found { rows: 1_000, total: total(&phases), phases }
    }

    #[test]
    fn a_search_in_a_large_catalogue_has_more_time() {
        let mut found = found(vec![json!({"phase": "searches", "figures": {"search_p50_ms": 3.0}})]);
        let search = FIGURES.iter().find(|figure| figure.name == "search, p50").unwrap();
        assert_eq!(found.row(search).unwrap().meets, Some(false));
        found.rows = 256_000_000;
        assert_eq!(found.row(search).unwrap().meets, Some(true));
    }

    #[test]
    fn layers_add_up_and_times_too() {
        let load = json!({"phase": "load", "peak_anonymous_bytes": 1 << 30,
            "figures": {"bytes_a_track": 50.0, "rows_per_second": 300.0}});
        let index = json!({"phase": "index", "peak_anonymous_bytes": 2_i64 << 30,
            "figures": {"bytes_a_track": 40.0, "rows_per_second": 600.0}});
        let found = found(vec![load, index]);
        assert_eq!(found.value(TOTAL, "bytes_a_track"), Some(90.0));
        assert!((found.value(TOTAL, "rows_per_second").unwrap() - 200.0).abs() < 1e-9);
        assert_eq!(found.value(TOTAL, "peak_gib"), Some(2.0));
        let row = found.row(&FIGURES[0]).unwrap();
        assert_eq!((row.meets, row.ratio, row.peer_name), (Some(true), None, None));
    }

    #[test]
    fn a_ratio_above_one_is_ours_being_better() {
        let ours = json!({"phase": "lookups", "figures": {"by_id_p50_ms": 0.1}});
        let theirs = json!({"phase": "sqlite-ask", "figures": {"by_id_p50_ms": 0.05}});
        let found = found(vec![ours, theirs]);
        let row = found.row(FIGURES.iter().find(|figure| figure.name == "by id, p50").unwrap()).unwrap();
        assert_eq!((row.ratio, row.meets), (Some(0.5), Some(true)));
        assert!(found.row(&FIGURES[0]).is_none(), "nothing was loaded");
    }
}
