//! Names of artists, labels, albums and tracks.

use super::random::Random;
use super::words::{Language, VOCABULARY};

/// Titles that thousands of tracks have.
const COMMON: [&str; 14] = [
    "Intro",
    "Outro",
    "Interlude",
    "Untitled",
    "Prelude",
    "Home",
    "Alone",
    "Silent Night",
    "Track 1",
    "Track 2",
    "Skit",
    "Jingle Bells",
    "Summertime",
    "Ave Maria",
];
/// What follows the title of another version.
const VERSIONS: [&str; 16] = [
    " - Live",
    " (Live)",
    " - Remix",
    " - Radio Edit",
    " - Instrumental",
    " - Original Mix",
    " (Acoustic)",
    " - Remastered",
    " - Extended Mix",
    " (Remix)",
    " - Demo",
    " - Remastered 2011",
    " - Karaoke Version",
    " (Instrumental)",
    " - Acoustic Version",
    " - Bonus Track",
];
const LABELS: [&str; 12] = [
    " Records",
    " Music",
    " Recordings",
    " Entertainment",
    " Productions",
    " Sounds",
    "",
    " Media",
    " Digital",
    " Discos",
    " Group",
    " Classics",
];

pub(super) fn artist(random: &mut Random, language: &Language, name: &mut String) {
    let vocabulary = &*VOCABULARY;
    let foreign = language.gap.is_empty() || !language.words[0].is_ascii();
    // Half of those who write in another script are known by a name in Latin letters.
    let latin = !foreign || random.chance(0.5);
    match random.below(10) {
        0..=4 if latin => {
            name.push_str(random.of::<String>(&vocabulary.given));
            name.push(' ');
            family(random, if foreign { &vocabulary.languages[0] } else { language }, name);
        }
        0..=4 => {
            family(random, language, name);
            name.push_str(language.gap);
            name.push_str(random.of::<String>(&language.words));
        }
        5 | 6 => {
            name.push_str(random.of::<String>(&vocabulary.bands));
            name.push(' ');
            words(random, language, 1, name);
        }
        7 => {
            words(random, language, 1, name);
            name.push(' ');
            name.push_str(random.of::<String>(&vocabulary.bands));
        }
        8 => family(random, language, name),
        _ => words(random, language, 2, name),
    }
}

fn family(random: &mut Random, language: &Language, name: &mut String) {
    // Mean of flat and Zipf: some families are large, most are small.
    let at =
        if random.chance(0.5) { random.zipf(language.families.len()) } else { random.below(language.families.len()) };
    name.push_str(&language.families[at]);
}

pub(super) fn label(random: &mut Random, name: &mut String) {
    let languages = &VOCABULARY.languages;
    let language = &languages[VOCABULARY.language(random)];
    if random.chance(0.4) {
        family(random, language, name);
    } else {
        let count = 1 + random.below(2);
        words(random, language, count, name);
    }
    name.push_str(random.of::<&str>(&LABELS));
}

/// A track's title: about 20 letters.
pub(super) fn title(random: &mut Random, language: &Language, title: &mut String) {
    let kind = random.below(1000);
    if kind < 35 {
        title.push_str(COMMON[random.zipf(COMMON.len())]);
    } else if kind < 60 {
        classical(random, language, title);
    } else {
        let count = match random.below(100) {
            0..17 => 1,
            17..52 => 2,
            52..78 => 3,
            78..91 => 4,
            _ => 5 + random.below(3),
        };
        words(random, language, count, title);
    }
    if kind % 10 == 9 {
        title.push_str(VERSIONS[random.zipf(VERSIONS.len())]);
    }
}

pub(super) fn album(random: &mut Random, language: &Language, title: &mut String) {
    let count = 1 + random.below(4);
    words(random, language, count, title);
    match random.below(40) {
        0 | 1 => title.push_str(", Vol. "),
        2 => title.push_str(" (Deluxe Edition)"),
        3 | 4 => title.push_str(" - EP"),
        5 => title.push_str(" (Live)"),
        6 => title.push_str(" (Original Motion Picture Soundtrack)"),
        _ => return,
    }
    if title.ends_with(", Vol. ") {
        title.push_str(["1", "2", "3", "4", "5", "6", "7"][random.below(7)]);
    }
}

fn classical(random: &mut Random, language: &Language, title: &mut String) {
    let form = ["Sonata", "Symphony", "Quartet", "Concerto", "Suite", "Prelude", "Étude", "Nocturne"];
    title.push_str(random.of::<&str>(&form));
    title.push_str(" No. ");
    title.push_str(["1", "2", "3", "4", "5", "6", "7", "8", "9"][random.below(9)]);
    title.push_str([" in C Major", " in D Minor", " in E-Flat Major", " in G Minor", " in A Major"][random.below(5)]);
    title.push_str([": I. Allegro", ": II. Andante", ": III. Menuetto", ": IV. Presto", ""][random.below(5)]);
    if random.chance(0.3) {
        title.push_str(" \"");
        words(random, language, 1, title);
        title.push('"');
    }
}

pub(super) fn words(random: &mut Random, language: &Language, count: usize, text: &mut String) {
    for at in 0..count {
        if at > 0 {
            text.push_str(language.gap);
        }
        text.push_str(&language.words[random.zipf(language.words.len())]);
    }
}
