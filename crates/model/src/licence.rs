//! Licences: one table, a row a licence, that says what may be done; and the reading of the spellings found in the wild.

use std::fmt::Write as _;

use serde::Serialize;

/// What one licence allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LicenceRow {
    /// SPDX identifier, where SPDX has one.
    pub spdx: Option<&'static str>,
    /// Canonical URI, without scheme or trailing slash, as licences are compared.
    pub path: &'static str,
    /// Copies may be passed on to anyone.
    pub redistribute: bool,
    /// Not for commercial use.
    pub nc: bool,
    /// No derivatives may be passed on.
    pub nd: bool,
    /// Derivatives carry the same licence.
    pub sa: bool,
    /// Nobody's permission is needed: the work is in the public domain or has been given to it.
    pub public_domain: bool,
    /// For people.
    pub name: &'static str,
}

/// How a raw licence text was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LicenceMatch {
    /// A row of the table, with the normalised URI in the version and port found.
    Known {
        /// What it allows.
        row: &'static LicenceRow,
        /// Normalised URI, e.g. `https://creativecommons.org/licenses/by/3.0/us/`.
        uri: String,
        /// SPDX identifier for that version, e.g. `CC-BY-3.0`.
        spdx: Option<String>,
    },
    /// There is a text, but no row says what it allows.
    Unknown,
    /// There is no text at all: never public domain.
    Empty,
}

const CC: &str = "creativecommons.org/";

macro_rules! rows {
    ($($spdx:expr, $path:literal, $flags:literal, $name:literal;)*) => {
        /// The table. Flags: `r` redistribute, `c` non-commercial only, `d` no derivatives, `s` share alike, `p` public domain.
        pub static LICENCES: &[LicenceRow] = &[$(LicenceRow {
            spdx: $spdx,
            path: $path,
            redistribute: has($flags, b'r'),
            nc: has($flags, b'c'),
            nd: has($flags, b'd'),
            sa: has($flags, b's'),
            public_domain: has($flags, b'p'),
            name: $name,
        }),*];
    };
}

const fn has(flags: &str, flag: u8) -> bool {
    let bytes = flags.as_bytes();
    let mut i = 0;
    while i < bytes.len() {
        if bytes[i] == flag {
            return true;
        }
        i += 1;
    }
    false
}

// A Creative Commons row stands for all its versions; the SPDX id here is without the version, which is added when read.
rows! {
    Some("CC0"), "creativecommons.org/publicdomain/zero", "rp", "CC0, no rights reserved";
    Some("PDM"), "creativecommons.org/publicdomain/mark", "rp", "Public Domain Mark";
    Some("CC-PDDC"), "creativecommons.org/licenses/publicdomain", "rp", "CC public domain dedication and certification";
    Some("CC-BY"), "creativecommons.org/licenses/by", "r", "Creative Commons Attribution";
    Some("CC-BY-SA"), "creativecommons.org/licenses/by-sa", "rs", "Creative Commons Attribution-ShareAlike";
    Some("CC-BY-ND"), "creativecommons.org/licenses/by-nd", "rd", "Creative Commons Attribution-NoDerivatives";
    Some("CC-BY-NC"), "creativecommons.org/licenses/by-nc", "rc", "Creative Commons Attribution-NonCommercial";
    Some("CC-BY-NC-SA"), "creativecommons.org/licenses/by-nc-sa", "rcs", "Creative Commons Attribution-NonCommercial-ShareAlike";
    Some("CC-BY-NC-ND"), "creativecommons.org/licenses/by-nc-nd", "rcd", "Creative Commons Attribution-NonCommercial-NoDerivatives";
    Some("CC-SA"), "creativecommons.org/licenses/sa", "rs", "Creative Commons ShareAlike 1.0";
    Some("CC-NC"), "creativecommons.org/licenses/nc", "rc", "Creative Commons NonCommercial 1.0";
    Some("CC-ND"), "creativecommons.org/licenses/nd", "rd", "Creative Commons NoDerivs 1.0";
    Some("CC-NC-SA"), "creativecommons.org/licenses/nc-sa", "rcs", "Creative Commons NonCommercial-ShareAlike 1.0";
    // Sampling licences and DevNations pass on parts only, or not to everyone: known, and not redistributable.
    None, "creativecommons.org/licenses/sampling", "", "Creative Commons Sampling";
    None, "creativecommons.org/licenses/sampling+", "", "Creative Commons Sampling Plus";
    None, "creativecommons.org/licenses/nc-sampling+", "c", "Creative Commons NonCommercial Sampling Plus";
    None, "creativecommons.org/licenses/devnations", "", "Creative Commons Developing Nations";
    None, "rightsstatements.org/vocab/noc-us", "rp", "No Copyright, United States";
    None, "rightsstatements.org/vocab/noc-oklr", "p", "No Copyright, other legal restrictions";
    None, "rightsstatements.org/vocab/noc-cr", "p", "No Copyright, contractual restrictions";
    None, "rightsstatements.org/vocab/noc-nc", "rpc", "No Copyright, non-commercial use only";
    None, "rightsstatements.org/vocab/inc", "", "In Copyright";
    None, "rightsstatements.org/vocab/inc-edu", "", "In Copyright, educational use permitted";
    None, "rightsstatements.org/vocab/cne", "", "Copyright not evaluated";
    None, "rightsstatements.org/vocab/und", "", "Copyright undetermined";
    Some("GPL-2.0-only"), "gnu.org/licenses/gpl-2.0-only", "rs", "GNU GPL 2";
    Some("GPL-2.0-or-later"), "gnu.org/licenses/gpl-2.0", "rs", "GNU GPL 2 or later";
    Some("GPL-3.0-only"), "gnu.org/licenses/gpl-3.0-only", "rs", "GNU GPL 3";
    Some("GPL-3.0-or-later"), "gnu.org/licenses/gpl-3.0", "rs", "GNU GPL 3 or later";
    Some("LGPL-2.1-or-later"), "gnu.org/licenses/lgpl-2.1", "rs", "GNU LGPL 2.1 or later";
    Some("LGPL-3.0-or-later"), "gnu.org/licenses/lgpl-3.0", "rs", "GNU LGPL 3 or later";
    Some("GFDL-1.3-or-later"), "gnu.org/licenses/fdl-1.3", "rs", "GNU Free Documentation License";
    Some("LAL-1.3"), "artlibre.org/licence/lal", "rs", "Free Art License";
    Some("OGL-UK-3.0"), "nationalarchives.gov.uk/doc/open-government-licence/version/3", "r", "UK Open Government Licence 3";
    Some("Apache-2.0"), "apache.org/licenses/license-2.0", "r", "Apache License 2.0";
    Some("MIT"), "opensource.org/licenses/mit", "r", "MIT License";
    Some("WTFPL"), "wtfpl.net", "r", "WTFPL";
}

/// Reads a licence as a tag, a dump or a person writes it: a URI in any spelling, an SPDX id, or a well-known name.
///
/// ```
/// use fonoteca_model::licence::{LicenceMatch, read};
/// let LicenceMatch::Known { spdx, uri, .. } = read("http://www.creativecommons.org/licenses/by-nc-sa/3.0/us") else { panic!() };
/// assert_eq!(spdx.as_deref(), Some("CC-BY-NC-SA-3.0-US"));
/// assert_eq!(uri, "https://creativecommons.org/licenses/by-nc-sa/3.0/us/");
/// ```
pub fn read(raw: &str) -> LicenceMatch {
    let text = raw.trim();
    if text.is_empty() {
        return LicenceMatch::Empty;
    }
    find_uri(text).or_else(|| read_name(text)).unwrap_or(LicenceMatch::Unknown)
}

/// Finds a licence URI anywhere in a text (tags often hold a sentence around it: Ogg's "… licensed to the public under …").
fn find_uri(text: &str) -> Option<LicenceMatch> {
    let lower = text.to_lowercase().replace("%2b", "+").replace("\\/", "/");
    for word in lower.split(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '\'' | '(' | ')' | ',' | ';'))
    {
        let word = word.trim_end_matches(['.', ':']);
        let path = word.rsplit_once("://").map_or(word, |(_, rest)| rest);
        let path = path.trim_start_matches("http:").trim_start_matches('/');
        let path = path.strip_prefix("www.").unwrap_or(path);
        let path = path.replace("//", "/");
        let path = path.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
        if let Some(found) = cc_uri(path).or_else(|| other_uri(path)) {
            return Some(found);
        }
    }
    None
}

fn cc_uri(path: &str) -> Option<LicenceMatch> {
    let rest = path.strip_prefix(CC).or_else(|| path.strip_prefix("creativecommons.com/"))?;
    let parts: Vec<&str> = rest.split('/').filter(|part| !part.is_empty()).collect();
    let (family, kind, tail) = match parts.as_slice() {
        ["licenses" | "licences" | "license", "publicdomain", ..] => ("licenses", "publicdomain", &parts[2..]),
        [family @ ("licenses" | "licences" | "license" | "publicdomain"), kind, tail @ ..] => {
            (if *family == "publicdomain" { "publicdomain" } else { "licenses" }, *kind, tail)
        }
        _ => return None,
    };
    let kind = order_terms(kind);
    let row = LICENCES.iter().find(|row| row.path.strip_prefix(CC) == Some(&format!("{family}/{kind}")))?;
    let version = tail.first().copied().filter(|version| is_version(version));
    let port = version.and(tail.get(1)).copied().filter(|port| is_port(port));
    Some(cc_match(row, version, port))
}

fn cc_match(row: &'static LicenceRow, version: Option<&str>, port: Option<&str>) -> LicenceMatch {
    let mut uri = format!("https://{}/", row.path);
    if let Some(version) = version {
        let _ = write!(uri, "{version}/");
    }
    if let Some(port) = port {
        let _ = write!(uri, "{port}/");
    }
    // SPDX knows CC licences by version only, and the mark not at all.
    let spdx = match (row.spdx, version) {
        (Some("CC-PDDC"), _) => Some("CC-PDDC".to_owned()),
        (Some("PDM"), _) => Some("CC-PDM-1.0".to_owned()),
        (Some("CC0"), _) => Some("CC0-1.0".to_owned()),
        (Some(id), Some(version)) => Some(match port {
            Some(port) => format!("{id}-{version}-{}", port.to_uppercase()),
            None => format!("{id}-{version}"),
        }),
        _ => None,
    };
    LicenceMatch::Known { row, uri, spdx }
}

fn is_version(text: &str) -> bool {
    matches!(text, "1.0" | "2.0" | "2.1" | "2.5" | "3.0" | "4.0")
}

fn is_port(text: &str) -> bool {
    let is_term = matches!(text, "by" | "nc" | "nd" | "sa");
    (2..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase()) && !is_term
        || text == "scotland"
}

/// `nc-by-nd` and `by-nd-nc` are spellings of `by-nc-nd`, the older ones official for version 1.0.
fn order_terms(kind: &str) -> String {
    let mut terms: Vec<&str> = kind.split('-').collect();
    let rank = |term: &str| ["by", "nc", "sa", "nd"].iter().position(|known| *known == term);
    if terms.iter().all(|term| rank(term).is_some()) {
        terms.sort_by_key(|term| match *term {
            "by" => 0,
            "nc" => 1,
            _ => 2,
        });
        terms.dedup();
    }
    terms.join("-")
}

fn other_uri(path: &str) -> Option<LicenceMatch> {
    let path = path.trim_end_matches(".html").trim_end_matches(".en").trim_end_matches(".txt").trim_end_matches("/1.0");
    LICENCES
        .iter()
        .filter(|row| !row.path.starts_with(CC))
        .find(|row| row.path == path)
        .map(|row| LicenceMatch::Known { row, uri: format!("https://{}", row.path), spdx: row.spdx.map(str::to_owned) })
}

fn read_name(text: &str) -> Option<LicenceMatch> {
    // Only a short text is a name; a sentence that mentions a licence may well deny it.
    if text.len() > 80 {
        return None;
    }
    let folded: String = text
        .to_lowercase()
        .replace('+', " or later")
        .chars()
        .map(|c| if c.is_alphanumeric() || c == '.' { c } else { ' ' })
        .collect();
    let words: Vec<&str> = folded.split_whitespace().collect();
    cc_name(&words).or_else(|| plain_name(&words.join(" ")))
}

fn cc_name(words: &[&str]) -> Option<LicenceMatch> {
    let row_at = |path: &str| LICENCES.iter().find(|row| row.path.strip_prefix(CC) == Some(path));
    let joined = words.join(" ");
    if words.first() == Some(&"cc0") || joined.starts_with("creative commons zero") || joined.starts_with("cc zero") {
        return row_at("publicdomain/zero").map(|row| cc_match(row, Some("1.0"), None));
    }
    if matches!(joined.as_str(), "public domain mark" | "public domain mark 1.0" | "pdm" | "cc pdm 1.0" | "cc pdm") {
        return row_at("publicdomain/mark").map(|row| cc_match(row, Some("1.0"), None));
    }
    if joined == "cc pddc" {
        return row_at("licenses/publicdomain").map(|row| cc_match(row, None, None));
    }
    let rest = match words {
        ["creative", "commons", rest @ ..] | ["cc", rest @ ..] => rest,
        ["by", ..] => words,
        // A name without the house's: only where another term of it, or a version, shows that one is meant.
        ["attribution", rest @ ..]
            if rest
                .iter()
                .any(|word| is_version(word) || matches!(*word, "noncommercial" | "noderivatives" | "sharealike")) =>
        {
            words
        }
        [first, ..] if first.starts_with("ccby") => return None,
        _ => return None,
    };
    let mut terms = Vec::new();
    let mut version = None;
    let mut port = None;
    for (at, word) in rest.iter().enumerate() {
        match *word {
            // "no" is Norway at the end, and the beginning of "no derivatives" before it.
            word if version.is_some() && is_port(word) && at + 1 == rest.len() => port = Some(word),
            "by" | "attribution" => terms.push("by"),
            "nc" | "noncommercial" => terms.push("nc"),
            "nd" | "noderivatives" | "noderivs" => terms.push("nd"),
            "sa" | "sharealike" => terms.push("sa"),
            "non" | "commercial" if !terms.contains(&"nc") => terms.push("nc"),
            "share" | "alike" if !terms.contains(&"sa") => terms.push("sa"),
            "no" | "derivatives" | "derivs" | "derivative" | "works" if !terms.contains(&"nd") => terms.push("nd"),
            "commercial" | "alike" | "derivatives" | "derivs" | "derivative" | "works" | "license" | "licence"
            | "international" | "unported" | "generic" | "public" | "the" => {}
            word if is_version(word) => version = Some(word),
            word if version.is_some() && is_port(word) => port = Some(word),
            // An unknown word may turn the meaning around.
            _ => return None,
        }
    }
    let kind = order_terms(&terms.join("-"));
    row_at(&format!("licenses/{kind}")).map(|row| cc_match(row, version, port))
}

fn plain_name(name: &str) -> Option<LicenceMatch> {
    let words: Vec<&str> = name.split(' ').filter(|word| !matches!(*word, "license" | "licence" | "the")).collect();
    let name = words.join(" ");
    let spdx = match name.as_str() {
        "gpl"
        | "gnu gpl"
        | "gnu gpl v2 or later"
        | "gpl 2 or later"
        | "gpl 2.0 or later"
        | "gplv2 or later"
        | "gpl v2 or later"
        | "gnu general public"
        | "gpl 2" => "GPL-2.0-or-later",
        "gpl 2.0" | "gplv2" | "gpl v2" | "gpl 2.0 only" | "gnu gpl v2" | "gnu gpl 2" => "GPL-2.0-only",
        "gpl 3 or later" | "gpl 3.0 or later" | "gplv3 or later" | "gpl v3 or later" => "GPL-3.0-or-later",
        "gpl 3" | "gpl 3.0" | "gplv3" | "gpl v3" | "gpl 3.0 only" | "gnu gpl v3" => "GPL-3.0-only",
        "free art" | "free art 1.3" | "lal 1.3" | "art libre" => "LAL-1.3",
        "lgpl" | "lgpl 2.1" | "lgpl 2.1 or later" => "LGPL-2.1-or-later",
        "lgpl 3.0" | "lgpl 3" | "lgpl 3.0 or later" => "LGPL-3.0-or-later",
        "gfdl" | "gnu fdl" | "gfdl 1.3 or later" => "GFDL-1.3-or-later",
        "mit" | "expat" => "MIT",
        "apache 2.0" | "apache" => "Apache-2.0",
        "wtfpl" => "WTFPL",
        "ogl uk 3.0" => "OGL-UK-3.0",
        _ => return None,
    };
    LICENCES.iter().find(|row| row.spdx == Some(spdx)).map(|row| LicenceMatch::Known {
        row,
        uri: format!("https://{}", row.path),
        spdx: row.spdx.map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(raw: &str) -> (Option<String>, &'static LicenceRow) {
        match read(raw) {
            LicenceMatch::Known { row, spdx, .. } => (spdx, row),
            other => panic!("{raw:?} is {other:?}"),
        }
    }

    #[test]
    fn spellings_found_in_the_wild() {
        for (raw, spdx) in [
            ("http://creativecommons.org/licenses/by/3.0/", "CC-BY-3.0"),
            ("https://www.creativecommons.org/licenses/by-nc-nd/2.5/es/", "CC-BY-NC-ND-2.5-ES"),
            ("creativecommons.org/licenses/nc-by-nd/1.0", "CC-BY-NC-ND-1.0"),
            ("http://creativecommons.org/licenses/by-nd-nc/1.0/", "CC-BY-NC-ND-1.0"),
            ("http://creativecommons.org/licenses/by-nc-sa/3.0/deed.de", "CC-BY-NC-SA-3.0"),
            ("http://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0"),
            ("http://creativecommons.org/publicdomain/mark/1.0/", "CC-PDM-1.0"),
            ("CC0", "CC0-1.0"),
            ("CC0 1.0 Universal", "CC0-1.0"),
            ("CC BY-SA 4.0", "CC-BY-SA-4.0"),
            ("CC-BY-NC-ND-4.0", "CC-BY-NC-ND-4.0"),
            ("CC-BY-3.0-NO", "CC-BY-3.0-NO"),
            ("CC BY 3.0 no derivatives", "CC-BY-ND-3.0"),
            ("CC BY 3.0 nc", "CC-BY-NC-3.0"),
            ("CC-PDDC", "CC-PDDC"),
            ("Creative Commons Attribution-NonCommercial-ShareAlike 3.0 Unported", "CC-BY-NC-SA-3.0"),
            (
                "Licensed to the public under http://creativecommons.org/licenses/by/4.0/ verify at http://example.org",
                "CC-BY-4.0",
            ),
            ("Attribution-NonCommercial-ShareAlike 3.0 International", "CC-BY-NC-SA-3.0"),
            ("GPL-2.0+", "GPL-2.0-or-later"),
            ("GPL-2.0-or-later", "GPL-2.0-or-later"),
            ("https://www.gnu.org/licenses/gpl-3.0.html", "GPL-3.0-or-later"),
            ("Free Art License 1.3", "LAL-1.3"),
        ] {
            assert_eq!(known(raw).0.as_deref(), Some(spdx), "{raw}");
        }
    }

    #[test]
    fn what_no_row_knows_is_unknown_and_nothing_is_not_public_domain() {
        assert_eq!(read(""), LicenceMatch::Empty);
        assert_eq!(read("  \t"), LicenceMatch::Empty);
        for raw in [
            "All rights reserved",
            "(C) 1999 Somebody",
            "not CC BY",
            "CC BY not really",
            "Attribution",
            "Attribution required, no sharealike",
            "http://example.org/licenses/by/3.0/",
        ] {
            assert_eq!(read(raw), LicenceMatch::Unknown, "{raw}");
        }
    }

    #[test]
    fn rows_say_what_may_be_done() {
        assert!(known("CC BY-NC-ND 3.0").1.redistribute);
        assert!(known("CC BY-NC-ND 3.0").1.nc && known("CC BY-NC-ND 3.0").1.nd);
        for never in [
            "http://creativecommons.org/licenses/sampling+/1.0/",
            "http://creativecommons.org/licenses/nc-sampling%2B/1.0/",
            "http://creativecommons.org/licenses/devnations/2.0/",
            "http://rightsstatements.org/vocab/InC/1.0/",
        ] {
            assert!(!known(never).1.redistribute, "{never}");
        }
        assert!(known("http://rightsstatements.org/vocab/NoC-US/1.0/").1.public_domain);
    }

    #[test]
    fn paths_of_the_table_are_distinct_and_lower_case() {
        for (i, row) in LICENCES.iter().enumerate() {
            assert_eq!(row.path, row.path.to_lowercase());
            assert!(LICENCES[..i].iter().all(|earlier| earlier.path != row.path), "{} twice", row.path);
        }
    }
}
