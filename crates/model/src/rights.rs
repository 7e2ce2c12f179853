//! Rights rules: from the decisions in force to what may be done.
//!
//! The default is dark. Without a decision in force an item is kept and checked, and nothing else; where several decisions
//! apply (the blob's, its recording's, its collection's; the recording's and the composition's) the strictest wins, so
//! that no statement can open what another one closed.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};

use crate::hash::BlobId;
use crate::licence::{self, LicenceMatch, LicenceRow};
use crate::units::{Timestamp, millis, optional_millis};

/// A word that is not one of the words a field may hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is not a {what}; choose one of: {choices}")]
pub struct WordError {
    what: &'static str,
    found: String,
    choices: String,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $what:literal { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $word)] $variant,)* }

        impl $name {
            /// Every value, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word as it stands in tables, options and output.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = WordError;
            fn from_str(text: &str) -> Result<Self, WordError> {
                match text {
                    $($word => Ok(Self::$variant),)*
                    _ => Err(WordError {
                        what: $what,
                        found: text.chars().take(60).collect(),
                        choices: [$($word),*].join(", "),
                    }),
                }
            }
        }
    };
}

words! {
    /// Why an archive may hold an item at all.
    Basis, "basis" {
        /// The operator made it.
        OwnWork = "own-work",
        /// A licence that the decision names.
        Licensed = "licensed",
        /// Nobody's permission is needed: CC0, PDM, rightsstatements.org NoC-*.
        PublicDomain = "public-domain",
        /// The rights holder said so, in a document that is the evidence.
        Permission = "permission",
        /// A copy for private use.
        PrivateCopy = "private-copy",
        /// Nothing is known.
        Unknown = "unknown",
    }
}

words! {
    /// Which right a decision is about. One item has several: a public-domain melody in a recording that is not.
    Layer, "layer" {
        /// The sound recording.
        Recording = "recording",
        /// The work performed in it.
        Composition = "composition",
        /// Covers and booklets.
        Artwork = "artwork",
        /// The words.
        Lyrics = "lyrics",
    }
}

words! {
    /// What a decision is about.
    SubjectKind, "subject" {
        /// One blob, by its root.
        Blob = "blob",
        /// One source's track, by its id.
        Track = "track",
        /// A recording, by its id.
        Recording = "recording",
        /// Every recording with this ISRC.
        Isrc = "isrc",
        /// An album, by its id.
        Release = "release",
        /// Every album with this barcode.
        Upc = "upc",
        /// A work, by its identifier in some catalogue.
        Work = "work",
        /// A work, by ISWC.
        Iswc = "iswc",
        /// An artist, by id.
        Artist = "artist",
        /// Everything on a label, by its name.
        Label = "label",
        /// A named set of tracks.
        Collection = "collection",
        /// Everything that came from one source.
        Source = "source",
    }
}

words! {
    /// Where a claim stands.
    ClaimStatus, "claim status" {
        /// Somebody said so.
        Asserted = "asserted",
        /// Somebody said so and the archive has seen the proof.
        Verified = "verified",
        /// Two say different things; nothing is given out until it is settled.
        Disputed = "disputed",
        /// The rights holder had it taken down: kept dark, given to nobody.
        Withdrawn = "withdrawn",
        /// The rights holder reserved text and data mining.
        OptOut = "opt-out",
    }
}

words! {
    /// What somebody wants to do with an item.
    Use, "use" {
        /// Keep and check: always allowed.
        Keep = "keep",
        /// Stream to the owner's own account.
        StreamOwner = "stream-owner",
        /// Stream to the archive's other accounts.
        StreamAccounts = "stream-accounts",
        /// Give to anyone: streams, downloads, torrents, mirrors.
        Distribute = "distribute",
        /// Audio in a dataset.
        Dataset = "dataset",
        /// Derivatives in a dataset: tokens, trimmed clips.
        Derive = "derive",
        /// The commercial dataset profile.
        Commercial = "commercial",
    }
}

/// What a decision is about: a kind and its key, written `kind:key`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject {
    /// What kind of thing.
    pub kind: SubjectKind,
    /// Which one; its form follows from the kind.
    pub key: String,
}

impl Subject {
    /// A subject.
    pub fn new(kind: SubjectKind, key: impl Into<String>) -> Self {
        Self { kind, key: key.into() }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.key)
    }
}

impl Serialize for Subject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// One decision. Decisions are only ever added; a later one names the one that it supersedes. Its JSON is a part of what
/// `rights show` prints: the subject as `kind:key`, moments in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// Its own id, 32 hex digits.
    pub id: String,
    /// The decision that this one replaces.
    pub supersedes: Option<String>,
    /// What it is about.
    pub subject: Subject,
    /// Which right.
    pub layer: Layer,
    /// Why the item may be held.
    pub basis: Basis,
    /// The licence as it was found or given.
    pub licence: Option<String>,
    /// Uses that a permission grants; other bases grant theirs by rule.
    pub permits: Vec<Use>,
    /// Where it holds, ISO 3166 codes; nothing: everywhere.
    pub territory: Option<String>,
    /// Whose right it is.
    pub holder: Option<String>,
    /// The credit to give.
    pub attribution: Option<String>,
    /// The document that proves it.
    pub evidence: Option<BlobId>,
    /// Who says so: a user, `tag`, a feed.
    pub asserted_by: String,
    /// Where the claim stands.
    pub status: ClaimStatus,
    /// From when it holds.
    #[serde(rename = "from_ms", with = "optional_millis")]
    pub from: Option<Timestamp>,
    /// Until when it holds.
    #[serde(rename = "until_ms", with = "optional_millis")]
    pub until: Option<Timestamp>,
    /// When it was recorded.
    #[serde(rename = "at_ms", with = "millis")]
    pub at: Timestamp,
}

impl Decision {
    /// What `asserted_by` says about the recording itself, and nothing more. It has no id and no moment yet.
    pub fn draft(subject: Subject, basis: Basis, asserted_by: impl Into<String>) -> Self {
        Self {
            id: String::new(),
            supersedes: None,
            subject,
            layer: Layer::Recording,
            basis,
            licence: None,
            permits: Vec::new(),
            territory: None,
            holder: None,
            attribution: None,
            evidence: None,
            asserted_by: asserted_by.into(),
            status: ClaimStatus::Asserted,
            from: None,
            until: None,
            at: Timestamp::default(),
        }
    }

    /// The licence's row, when the text names a known one.
    pub fn licence_match(&self) -> LicenceMatch {
        licence::read(self.licence.as_deref().unwrap_or_default())
    }

    fn in_force(&self, now: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= now) && self.until.is_none_or(|until| now < until)
    }

    /// What this decision alone allows, and the sentence that says why not more.
    fn allows(&self) -> (BTreeSet<Use>, String) {
        use Use::{Commercial, Dataset, Derive, Distribute, Keep, StreamAccounts, StreamOwner};
        let about = format!("{} of {}", self.layer, self.subject);
        match self.status {
            ClaimStatus::Withdrawn => return (set(&[Keep]), format!("{about}: withdrawn by its rights holder")),
            ClaimStatus::Disputed => {
                return (set(&[Keep]), format!("{about}: disputed, and dark until that is settled"));
            }
            ClaimStatus::OptOut => {
                return (
                    set(&[Keep, StreamOwner, StreamAccounts, Distribute]),
                    format!("{about}: its rights holder opted out of text and data mining"),
                );
            }
            ClaimStatus::Asserted | ClaimStatus::Verified => {}
        }
        let licence = self.licence_match();
        let row = match &licence {
            LicenceMatch::Known { row, .. } => Some(*row),
            LicenceMatch::Unknown | LicenceMatch::Empty => None,
        };
        let (mut uses, why) = match self.basis {
            Basis::Unknown => (set(&[Keep]), "no basis is known, so it is kept and nothing else".to_owned()),
            Basis::PrivateCopy => (set(&[Keep, StreamOwner]), "a private copy: only its owner may hear it".to_owned()),
            Basis::OwnWork => (everything(), "own work".to_owned()),
            Basis::PublicDomain => (everything(), "public domain".to_owned()),
            Basis::Permission => {
                let mut uses = set(&[Keep, StreamOwner, StreamAccounts]);
                uses.extend(self.permits.iter().copied());
                if !uses.contains(&Distribute) {
                    uses.retain(|allowed| !matches!(allowed, Dataset | Derive | Commercial));
                }
                let granted: Vec<&str> = self.permits.iter().map(|granted| granted.as_str()).collect();
                (uses, format!("by permission, which grants: {}", none_or_list(&granted)))
            }
            Basis::Licensed => match (&licence, row) {
                (_, Some(row)) => (everything(), format!("licensed: {}", row.name)),
                (LicenceMatch::Empty, _) => (set(&[Keep]), "said to be licensed, but no licence is named".to_owned()),
                _ => (
                    set(&[Keep]),
                    format!(
                        "said to be licensed, but no rule knows the licence {:?}",
                        self.licence.as_deref().unwrap_or_default()
                    ),
                ),
            },
        };
        let mut why = format!("{about}: {why}");
        if let Some(row) = row.filter(|_| self.basis != Basis::Permission) {
            why.push_str(&limit_by_licence(&mut uses, row));
        }
        (uses, why)
    }
}

fn limit_by_licence(uses: &mut BTreeSet<Use>, row: &LicenceRow) -> String {
    let mut limits = Vec::new();
    if !row.redistribute {
        uses.retain(|allowed| matches!(allowed, Use::Keep | Use::StreamOwner | Use::StreamAccounts));
        limits.push("its licence does not allow passing copies on to anyone");
    }
    if row.nd {
        uses.remove(&Use::Derive);
        limits.push("no derivatives");
    }
    if row.nc {
        uses.remove(&Use::Commercial);
        limits.push("not for commercial use");
    }
    // The commercial profile is one of derivatives (design: "as above, and not NC").
    if row.nd {
        uses.remove(&Use::Commercial);
    }
    if limits.is_empty() { String::new() } else { format!(" ({})", limits.join(", ")) }
}

fn none_or_list(words: &[&str]) -> String {
    if words.is_empty() { "streaming to accounts only".to_owned() } else { words.join(", ") }
}

fn set(uses: &[Use]) -> BTreeSet<Use> {
    uses.iter().copied().collect()
}

fn everything() -> BTreeSet<Use> {
    Use::ALL.iter().copied().collect()
}

/// What may be done with an item, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The uses allowed; [`Use::Keep`] always is.
    pub uses: BTreeSet<Use>,
    /// One sentence a decision that counted.
    pub why: Vec<String>,
    /// The basis of the strictest decision.
    pub basis: Basis,
    /// That decision's licence as found.
    pub licence: Option<String>,
    /// The credits to give.
    pub attribution: Vec<String>,
    /// The rights holder had it withdrawn.
    pub withdrawn: bool,
}

impl Verdict {
    /// Whether `wanted` is allowed.
    pub fn allows(&self, wanted: Use) -> bool {
        self.uses.contains(&wanted)
    }

    /// To whom it may be streamed: `nobody`, `owner`, `accounts` or `anyone`.
    pub fn stream_to(&self) -> &'static str {
        if self.allows(Use::Distribute) {
            "anyone"
        } else if self.allows(Use::StreamAccounts) {
            "accounts"
        } else if self.allows(Use::StreamOwner) {
            "owner"
        } else {
            "nobody"
        }
    }

    /// The verdict's own uses as the stable words of machine output.
    pub fn uses_by_word(&self) -> BTreeMap<&'static str, bool> {
        BTreeMap::from([
            ("stream", self.allows(Use::StreamOwner)),
            ("distribute", self.allows(Use::Distribute)),
            ("dataset", self.allows(Use::Dataset)),
            ("derive", self.allows(Use::Derive)),
            ("commercial", self.allows(Use::Commercial)),
        ])
    }
}

/// Decides from every decision about an item and about what it belongs to.
///
/// `decisions` is all that was ever said about any of the item's subjects, in any order; what is superseded, not yet or no
/// longer in force does not count.
pub fn decide(decisions: &[Decision], now: Timestamp) -> Verdict {
    let superseded: HashSet<&str> = decisions.iter().filter_map(|decision| decision.supersedes.as_deref()).collect();
    let mut counting: Vec<&Decision> = decisions
        .iter()
        .filter(|decision| !superseded.contains(decision.id.as_str()) && decision.in_force(now))
        .collect();
    counting.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
    // An opt-out takes away and never gives: alone it leaves the item as dark as no decision at all.
    let grounded = counting.iter().any(|decision| decision.status != ClaimStatus::OptOut);
    if !grounded {
        let mut why = vec!["no decision is in force, so it is kept and nothing else".to_owned()];
        why.extend(counting.iter().map(|decision| decision.allows().1));
        return Verdict {
            uses: set(&[Use::Keep]),
            why,
            basis: Basis::Unknown,
            licence: None,
            attribution: Vec::new(),
            withdrawn: false,
        };
    }
    let mut uses = everything();
    let mut why = Vec::new();
    let mut strictest: Option<(usize, &Decision)> = None;
    for decision in &counting {
        let (allowed, sentence) = decision.allows();
        if decision.status != ClaimStatus::OptOut && strictest.is_none_or(|(fewest, _)| allowed.len() < fewest) {
            strictest = Some((allowed.len(), decision));
        }
        uses.retain(|wanted| allowed.contains(wanted));
        why.push(sentence);
    }
    let (_, strictest) = strictest.expect("a grounded set holds a decision that is no opt-out");
    let attribution: BTreeSet<String> = counting.iter().filter_map(|decision| decision.attribution.clone()).collect();
    Verdict {
        uses,
        why,
        basis: strictest.basis,
        licence: strictest.licence.clone(),
        attribution: attribution.into_iter().collect(),
        withdrawn: counting.iter().any(|decision| decision.status == ClaimStatus::Withdrawn),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000);

    fn decision(id: &str, basis: Basis, licence: Option<&str>) -> Decision {
        Decision {
            id: id.to_owned(),
            licence: licence.map(str::to_owned),
            ..Decision::draft(Subject::new(SubjectKind::Blob, "00"), basis, "test")
        }
    }

    #[test]
    fn moments_are_milliseconds_in_json() {
        let decision = Decision { from: Some(Timestamp(1_500_999)), at: NOW, ..decision("a", Basis::OwnWork, None) };
        let json = serde_json::to_value(&decision).expect("JSON");
        assert_eq!((&json["from_ms"], &json["until_ms"], &json["at_ms"]), (&1500.into(), &().into(), &1000.into()));
        assert_eq!((&json["subject"], &json["basis"]), (&"blob:00".into(), &"own-work".into()));
    }

    fn words(verdict: &Verdict) -> String {
        verdict.uses.iter().map(|allowed| allowed.as_str()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn each_row_of_the_rules() {
        const ALL: &str = "keep stream-owner stream-accounts distribute dataset derive commercial";
        for (basis, licence, expected) in [
            (Basis::Unknown, None, "keep"),
            (Basis::PrivateCopy, None, "keep stream-owner"),
            (Basis::PrivateCopy, Some("CC BY 4.0"), "keep stream-owner"),
            (Basis::OwnWork, None, ALL),
            (Basis::PublicDomain, Some("CC0"), ALL),
            (Basis::Permission, None, "keep stream-owner stream-accounts"),
            (Basis::Licensed, None, "keep"),
            (Basis::Licensed, Some("   "), "keep"),
            (Basis::Licensed, Some("ask my cousin"), "keep"),
            (Basis::Licensed, Some("CC BY 3.0"), ALL),
            (Basis::Licensed, Some("CC BY-SA 3.0"), ALL),
            (Basis::Licensed, Some("CC BY-NC 3.0"), "keep stream-owner stream-accounts distribute dataset derive"),
            (Basis::Licensed, Some("CC BY-NC-ND 3.0"), "keep stream-owner stream-accounts distribute dataset"),
            (Basis::Licensed, Some("CC BY-ND 3.0"), "keep stream-owner stream-accounts distribute dataset"),
            (
                Basis::Licensed,
                Some("http://creativecommons.org/licenses/sampling+/1.0/"),
                "keep stream-owner stream-accounts",
            ),
        ] {
            let verdict = decide(&[decision("a", basis, licence)], NOW);
            assert_eq!(words(&verdict), expected, "{basis} {licence:?}: {:?}", verdict.why);
        }
    }

    #[test]
    fn nothing_known_is_dark() {
        let verdict = decide(&[], NOW);
        assert_eq!(words(&verdict), "keep");
        assert_eq!(verdict.stream_to(), "nobody");
    }

    #[test]
    fn a_permission_grants_what_it_says() {
        let mut permission = decision("a", Basis::Permission, None);
        permission.permits = vec![Use::Distribute];
        assert_eq!(words(&decide(&[permission.clone()], NOW)), "keep stream-owner stream-accounts distribute");
        permission.permits = vec![Use::Dataset];
        assert!(!decide(&[permission], NOW).allows(Use::Dataset), "a dataset is redistribution");
    }

    #[test]
    fn the_strictest_across_layers_and_subjects_wins() {
        let open = decision("a", Basis::Licensed, Some("CC BY 4.0"));
        let mut composition = decision("b", Basis::PrivateCopy, None);
        composition.layer = Layer::Composition;
        composition.subject = Subject::new(SubjectKind::Isrc, "ZZFON2600001");
        let verdict = decide(&[open, composition], NOW);
        assert_eq!(words(&verdict), "keep stream-owner");
        assert_eq!(verdict.basis, Basis::PrivateCopy);
        assert_eq!(verdict.why.len(), 2);
    }

    #[test]
    fn superseded_and_expired_decisions_do_not_count() {
        let first = decision("a", Basis::PrivateCopy, None);
        let mut second = decision("b", Basis::OwnWork, None);
        second.supersedes = Some("a".to_owned());
        assert!(decide(&[second.clone(), first], NOW).allows(Use::Distribute), "whatever their order");
        second.until = Some(NOW);
        assert_eq!(words(&decide(&[second.clone()], NOW)), "keep", "a licence that ended leaves the item dark");
        second.until = None;
        second.from = Some(Timestamp(NOW.0 + 1));
        assert_eq!(words(&decide(&[second], NOW)), "keep");
    }

    #[test]
    fn a_withdrawal_closes_everything_and_an_opt_out_only_datasets() {
        let open = decision("a", Basis::PublicDomain, Some("CC0"));
        let mut opt_out = decision("b", Basis::Unknown, None);
        opt_out.status = ClaimStatus::OptOut;
        let verdict = decide(&[open.clone(), opt_out.clone()], NOW);
        assert_eq!(words(&verdict), "keep stream-owner stream-accounts distribute");
        assert_eq!(words(&decide(&[opt_out], NOW)), "keep", "an opt-out opens nothing");
        let mut withdrawal = decision("c", Basis::Unknown, None);
        withdrawal.status = ClaimStatus::Withdrawn;
        let verdict = decide(&[open, withdrawal], NOW);
        assert_eq!(words(&verdict), "keep");
        assert!(verdict.withdrawn);
    }

    #[test]
    fn words_read_back_and_wrong_ones_name_the_choices() {
        for basis in Basis::ALL {
            assert_eq!(basis.as_str().parse::<Basis>(), Ok(*basis));
        }
        let error = "stolen".parse::<Basis>().expect_err("not a basis").to_string();
        assert!(error.contains("own-work, licensed, public-domain"), "{error}");
    }
}
