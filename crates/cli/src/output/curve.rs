//! The coverage curve as a picture: the share of listens against tracks, and against bytes held.
//!
//! SVG that we write ourselves: the libraries for plots fix their colours, and this one is to be read on white and on black.
//! Colours follow from `prefers-color-scheme`, text stays text, and two curves differ by more than colour alone: each has
//! a panel of its own.

use std::fmt::Write as _;

use fonoteca_catalog::{Coverage, Point};
use fonoteca_model::units::Bytes;

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 488.0;
const PANEL_WIDTH: f64 = 375.0;
const PANEL_HEIGHT: f64 = 270.0;
const TOP: f64 = 108.0;
/// The left edges of the two panels.
const LEFTS: [f64; 2] = [76.0, 545.0];
/// Characters of the archive's name that there is room for.
const NAME_CHARS: usize = 40;
/// Shares with a line of their own.
const RULED: [f64; 5] = [0.0, 0.25, 0.5, 0.75, 1.0];

const STYLE: &str = "\
:root{color-scheme:light dark}\
.paper{fill:#ffffff}.panel{fill:#f6f7f9}.rule{stroke:#d9dce2;stroke-width:1}.axis{stroke:#6b7280;stroke-width:1}\
.curve{fill:none;stroke:#1d5fbf;stroke-width:2.5;stroke-linejoin:round}.area{fill:#1d5fbf;opacity:.12}\
.held{stroke:#a8480f}.area.held{stroke:none;fill:#a8480f}.mark{fill:#1d5fbf;stroke:#ffffff;stroke-width:1.5}\
.lead{stroke:#6b7280;stroke-width:1;stroke-dasharray:2 3}\
text{font-family:system-ui,'Noto Sans','DejaVu Sans',sans-serif;font-size:13px;fill:#1f2530}\
.title{font-size:20px;font-weight:600}.under,.tick,.unit{fill:#525b69}.name{font-weight:600;font-size:14px}\
.tick{font-size:12px}.end{text-anchor:end}.middle{text-anchor:middle}\
@media (prefers-color-scheme:dark){\
.paper{fill:#14171c}.panel{fill:#1c2027}.rule{stroke:#343a44}.axis,.lead{stroke:#8b94a3}\
.curve{stroke:#7db3ff}.area{fill:#7db3ff}.held{stroke:#ffab70}.area.held{fill:#ffab70}\
.mark{fill:#7db3ff;stroke:#14171c}text{fill:#e8ebf0}.under,.tick,.unit{fill:#a9b1be}}";

/// The picture. `archive` is what the archive is called.
pub fn svg(archive: &str, coverage: &Coverage) -> String {
    let mut svg = String::new();
    let named: String = archive.chars().take(NAME_CHARS).collect();
    let title = format!("How few tracks have most of the listens: {named}");
    let _ = write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
         role=\"img\" aria-labelledby=\"title under\">\n<style>{STYLE}</style>\n\
         <rect class=\"paper\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/>\n\
         <text class=\"title\" id=\"title\" x=\"28\" y=\"38\">{}</text>\n\
         <text class=\"under\" id=\"under\" x=\"28\" y=\"62\">{}</text>\n",
        escaped(&title),
        escaped(&summary(coverage)),
    );
    let tracks = Panel {
        left: LEFTS[0],
        name: "by tracks, the most listened first",
        unit: "tracks",
        class: "",
        points: points(coverage, |point| (point.tracks, point.share)),
        amount: count,
    };
    tracks.draw(&mut svg);
    for few in coverage.covering.iter().filter(|few| few.share >= 0.5) {
        tracks.mark(&mut svg, few.tracks as f64, few.share);
    }
    let held = Panel {
        left: LEFTS[1],
        name: "by bytes held, the most listened first",
        unit: "bytes held",
        class: " held",
        points: points(coverage, |point| (point.bytes, point.share_held)),
        amount: |bytes| Bytes(bytes as u64).to_string(),
    };
    held.draw(&mut svg);
    words(&mut svg, coverage);
    svg.push_str("</svg>\n");
    svg
}

/// One sentence of what one sees.
fn summary(coverage: &Coverage) -> String {
    let all = coverage.tracks_listened + coverage.tracks_unlistened;
    let unlistened = coverage.tracks_unlistened as f64 / (all.max(1) as f64);
    format!(
        "{} listens of {} tracks; {} of the tracks have none",
        count(coverage.listens as f64),
        count(all as f64),
        percent(unlistened)
    )
}

/// The points that a curve goes through, without those at nothing, which a logarithm does not have.
fn points(coverage: &Coverage, of: fn(&Point) -> (f64, f64)) -> Vec<(f64, f64)> {
    let mut points: Vec<(f64, f64)> = coverage.curve.iter().map(of).filter(|(x, _)| *x >= 1.0).collect();
    points.dedup_by(|next, before| (next.0 - before.0).abs() < 0.5 && (next.1 - before.1).abs() < 1e-12);
    points
}

struct Panel {
    left: f64,
    name: &'static str,
    unit: &'static str,
    class: &'static str,
    points: Vec<(f64, f64)>,
    amount: fn(f64) -> String,
}

impl Panel {
    /// The decades that the axis spans: the first point lies in the first, the last in the last.
    fn decades(&self) -> (i32, i32) {
        let first = self.points.first().map_or(1.0, |(x, _)| *x);
        let last = self.points.last().map_or(10.0, |(x, _)| *x);
        let low = first.log10().floor() as i32;
        (low, (last.log10().ceil() as i32).max(low + 1))
    }

    fn x(&self, amount: f64) -> f64 {
        let (low, high) = self.decades();
        let at = (amount.max(1.0).log10() - f64::from(low)) / f64::from(high - low);
        self.left + at.clamp(0.0, 1.0) * PANEL_WIDTH
    }

    fn draw(&self, svg: &mut String) {
        let (left, right, bottom) = (self.left, self.left + PANEL_WIDTH, TOP + PANEL_HEIGHT);
        push(svg, format_args!("<text class=\"name\" x=\"{left}\" y=\"{}\">{}</text>", TOP - 14.0, self.name));
        push(
            svg,
            format_args!(
                "<rect class=\"panel\" x=\"{left}\" y=\"{TOP}\" width=\"{PANEL_WIDTH}\" height=\"{PANEL_HEIGHT}\"/>"
            ),
        );
        for share in RULED {
            let y = y(share);
            push(svg, format_args!("<line class=\"rule\" x1=\"{left}\" y1=\"{y:.1}\" x2=\"{right}\" y2=\"{y:.1}\"/>"));
            let (x, y) = (left - 8.0, y + 4.0);
            push(svg, format_args!("<text class=\"tick end\" x=\"{x}\" y=\"{y:.1}\">{}</text>", percent(share)));
        }
        let (low, high) = self.decades();
        // As many numbers as there is room for.
        let every = ((high - low) as usize).div_ceil(6).max(1);
        for decade in (low..=high).step_by(every) {
            let x = self.x(10_f64.powi(decade));
            push(svg, format_args!("<line class=\"rule\" x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{bottom}\"/>"));
            let amount = (self.amount)(10_f64.powi(decade)).replace(".0 ", " ");
            let y = bottom + 18.0;
            push(svg, format_args!("<text class=\"tick middle\" x=\"{x:.1}\" y=\"{y}\">{amount}</text>"));
        }
        push(svg, format_args!("<line class=\"axis\" x1=\"{left}\" y1=\"{bottom}\" x2=\"{right}\" y2=\"{bottom}\"/>"));
        let (middle, below) = (left + PANEL_WIDTH / 2.0, bottom + 38.0);
        push(
            svg,
            format_args!(
                "<text class=\"unit middle\" x=\"{middle}\" y=\"{below}\">{}, logarithmic scale</text>",
                self.unit
            ),
        );
        let (x, middle) = (left - 54.0, TOP + PANEL_HEIGHT / 2.0);
        push(
            svg,
            format_args!(
                "<text class=\"unit middle\" transform=\"translate({x} {middle}) rotate(-90)\">share of listens</text>"
            ),
        );
        self.curve(svg);
    }

    fn curve(&self, svg: &mut String) {
        let (Some(first), Some(last)) = (self.points.first(), self.points.last()) else {
            let (x, y) = (self.left + PANEL_WIDTH / 2.0, TOP + PANEL_HEIGHT / 2.0);
            push(svg, format_args!("<text class=\"under middle\" x=\"{x}\" y=\"{y}\">nothing of it is held</text>"));
            return;
        };
        let mut path = String::new();
        for (number, (amount, share)) in self.points.iter().enumerate() {
            let step = if number == 0 { 'M' } else { 'L' };
            let _ = write!(path, "{step}{:.1} {:.1}", self.x(*amount), y(*share));
        }
        let (from, to, ground) = (self.x(first.0), self.x(last.0), y(0.0));
        push(
            svg,
            format_args!(
                "<path class=\"area{}\" d=\"{path}L{to:.1} {ground:.1}L{from:.1} {ground:.1}Z\"/>",
                self.class
            ),
        );
        push(svg, format_args!("<path class=\"curve{}\" d=\"{path}\"/>", self.class));
        if self.points.len() == 1 {
            let (x, y) = (self.x(first.0), y(first.1));
            push(svg, format_args!("<circle class=\"mark\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\"/>"));
        }
    }

    /// Where the curve is at some amount.
    fn share_at(&self, amount: f64) -> f64 {
        let after = self.points.partition_point(|(x, _)| *x < amount);
        let Some(next) = self.points.get(after).or(self.points.last()) else { return 0.0 };
        let Some(before) = after.checked_sub(1).and_then(|at| self.points.get(at)) else { return next.1 };
        let (from, to) = (self.x(before.0), self.x(next.0));
        let part = if to > from { ((self.x(amount) - from) / (to - from)).clamp(0.0, 1.0) } else { 1.0 };
        before.1 + (next.1 - before.1) * part
    }

    /// A point on the curve, with a line to the axis.
    fn mark(&self, svg: &mut String, amount: f64, share: f64) {
        let (x, y, bottom) = (self.x(amount), y(self.share_at(amount)), TOP + PANEL_HEIGHT);
        push(svg, format_args!("<line class=\"lead\" x1=\"{x:.1}\" y1=\"{y:.1}\" x2=\"{x:.1}\" y2=\"{bottom}\"/>"));
        push(svg, format_args!("<circle class=\"mark\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4.5\"><title>"));
        push(svg, format_args!("{}: {} {}</title></circle>", percent(share), (self.amount)(amount), self.unit));
    }
}

/// What the curves come to, in words below.
fn words(svg: &mut String, coverage: &Coverage) {
    let few = coverage.covering.iter();
    let few: Vec<String> = few.map(|few| format!("{}: {}", percent(few.share), count(few.tracks as f64))).collect();
    let tracks = format!("Tracks that have this share of all listens: {}", few.join("  ·  "));
    let rest = coverage.bytes_held as f64 - coverage.curve.last().map_or(0.0, |point| point.bytes);
    let held = format!(
        "What is held has {} of all listens; {} more are held that nobody listened to",
        percent(coverage.share_held),
        Bytes(rest.max(0.0) as u64)
    );
    for (line, below) in [(tracks, 42.0), (held, 20.0)] {
        push(svg, format_args!("<text x=\"28\" y=\"{}\">{}</text>", HEIGHT - below, escaped(&line)));
    }
}

fn y(share: f64) -> f64 {
    TOP + (1.0 - share.clamp(0.0, 1.0)) * PANEL_HEIGHT
}

/// A line of the picture.
fn push(svg: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a text cannot fail.
    let _ = writeln!(svg, "{line}");
}

/// `50 %`, `99.6 %`.
pub fn percent(share: f64) -> String {
    let rounded = (share * 1000.0).round() / 10.0;
    // What is not all is not shown as all.
    let rounded = if rounded >= 100.0 && share < 1.0 { 99.9 } else { rounded };
    if rounded.fract() == 0.0 { format!("{rounded:.0} %") } else { format!("{rounded:.1} %") }
}

/// `950`, `9.5 k`, `256 M`.
fn count(number: f64) -> String {
    let (scaled, unit) = match number {
        n if n < 1e4 => return format!("{n:.0}"),
        n if n < 1e6 => (n / 1e3, " k"),
        n if n < 1e9 => (n / 1e6, " M"),
        n => (n / 1e9, " bn"),
    };
    let digits = usize::from(scaled < 99.95 && (scaled * 10.0).round() % 10.0 != 0.0);
    format!("{scaled:.digits$}{unit}")
}

fn escaped(text: &str) -> String {
    let clean = text.chars().filter(|c| !c.is_control());
    clean.fold(String::new(), |mut escaped, c| {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c => escaped.push(c),
        }
        escaped
    })
}

#[cfg(test)]
mod tests {
    use fonoteca_catalog::Covering;

    use super::*;

    #[test]
    fn numbers_are_short_and_right() {
        for (number, said) in [(0.0, "0"), (950.0, "950"), (9999.0, "9999"), (12_345.0, "12.3 k"), (256e6, "256 M")] {
            assert_eq!(count(number), said);
        }
        for (share, said) in [(0.5, "50 %"), (0.996, "99.6 %"), (1.0, "100 %"), (0.9999, "99.9 %"), (0.0, "0 %")] {
            assert_eq!(percent(share), said);
        }
    }

    #[test]
    fn a_name_cannot_leave_its_place() {
        let coverage = Coverage { listens: 1, ..Coverage::default() };
        let picture = svg("</text><script>alert(1)</script>&\u{1b}", &coverage);
        assert!(!picture.contains("<script>") && picture.contains("&lt;script&gt;") && !picture.contains('\u{1b}'));
        assert!(picture.contains("nothing of it is held"));
    }

    #[test]
    fn every_point_lies_in_its_panel() {
        let curve = (0..100).map(|n| {
            let (n, part) = (f64::from(n), f64::from(n + 1) / 100.0);
            Point { tracks: 10_f64.powf(n / 12.0), share: part, bytes: n * 1e9, share_held: part * 0.8 }
        });
        let covering = vec![Covering { share: 0.5, recordings: 9, tracks: 10, bytes: 100 }];
        let coverage = Coverage { listens: 100, curve: curve.collect(), covering, ..Coverage::default() };
        let picture = svg("Archivo", &coverage);
        let paths: Vec<&str> = picture.lines().filter(|line| line.contains("class=\"curve")).collect();
        assert_eq!(paths.len(), 2);
        for (path, left) in paths.iter().zip(LEFTS) {
            let numbers: Vec<f64> = path
                .split(|c: char| !c.is_ascii_digit() && c != '.')
                .filter(|text| text.contains('.'))
                .map(|text| text.parse().expect("a number"))
                .collect();
            assert!(numbers.len() >= 180, "{path}");
            for two in numbers.chunks(2) {
                assert!((left..=left + PANEL_WIDTH).contains(&two[0]), "{path}");
                assert!((TOP..=TOP + PANEL_HEIGHT).contains(&two[1]), "{path}");
            }
        }
    }
}
