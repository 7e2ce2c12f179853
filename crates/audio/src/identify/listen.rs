//! Hearing a sound that is to be identified.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use serde::{Deserialize, Serialize};
use symphonia::core::errors::Error;

use super::PHASES;
use crate::bytes::File;
use crate::container::{self, Refusal};
use crate::fingerprint::Phases;
use crate::tags::Collector;
use crate::{AudioError, Limits, codec, format};

/// Values of one phase that are taken at most: two minutes, and some more for programs that count otherwise.
const MAX_VALUES: usize = 1_100;

/// Fewest values of a phase: some seven seconds of sound.
const MIN_VALUES: usize = super::MIN_OVERLAP;

/// The sound that is to be identified: its fingerprints by [`ALGORITHM`](crate::ALGORITHM), a quarter of a step apart.
///
/// One fingerprint, as `fpcalc -raw` prints it, is a sound too; it is found where the steps happen to agree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Vec<u32>>", into = "Vec<Vec<u32>>")]
pub struct Sound {
    phases: Vec<Vec<u32>>,
}

/// Why fingerprints are not those of a sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SoundError {
    /// There is too little of it.
    #[error("there is too little sound: at least 7 seconds are needed")]
    TooShort,
    /// There is too much of it.
    #[error("at most {PHASES} fingerprints of {MAX_VALUES} values are taken: send the first two minutes")]
    TooLong,
}

impl Sound {
    /// The fingerprints of the sound, of which the *n*-th begins *n* quarters of a step after the first.
    pub fn new(phases: Vec<Vec<u32>>) -> Result<Self, SoundError> {
        if phases.len() > PHASES || phases.iter().any(|values| values.len() > MAX_VALUES) {
            return Err(SoundError::TooLong);
        }
        if phases.first().is_none_or(|values| values.len() < MIN_VALUES) {
            return Err(SoundError::TooShort);
        }
        Ok(Self { phases })
    }

    pub(super) fn phases(&self) -> &[Vec<u32>] {
        &self.phases
    }
}

impl TryFrom<Vec<Vec<u32>>> for Sound {
    type Error = SoundError;

    fn try_from(phases: Vec<Vec<u32>>) -> Result<Self, SoundError> {
        Self::new(phases)
    }
}

impl From<Sound> for Vec<Vec<u32>> {
    fn from(sound: Sound) -> Self {
        sound.phases
    }
}

/// Hears the first two minutes of a file; what comes later is not read.
///
/// # Errors
///
/// As [`analyse`](crate::analyse()), and [`AudioError::TooShort`] below seven seconds.
pub fn listen(path: &Path, limits: &Limits, cancel: &dyn Fn() -> bool) -> Result<Sound, AudioError> {
    catch_unwind(AssertUnwindSafe(|| hear(path, limits, cancel)))
        .unwrap_or_else(|panic| Err(AudioError::crashed(path, &*panic)))
}

fn hear(path: &Path, limits: &Limits, cancel: &dyn Fn() -> bool) -> Result<Sound, AudioError> {
    let read = |source: io::Error| AudioError::Read { path: path.into(), source };
    let mut file = File::open(path).map_err(read)?;
    let metadata = file.metadata().map_err(read)?;
    if !metadata.is_file() {
        return Err(AudioError::NotAudio { path: path.into(), found: "it is a folder or a device".into() });
    }
    let (container, start) = format::recognise(path, &mut file, metadata.len())?;
    let mut collector = Collector::new(limits);
    let opened = container::open(container, file, start, metadata.len(), limits, &mut collector);
    let mut opened = opened.map_err(|refusal| match refusal {
        Refusal::Read(source) => read(source),
        Refusal::NoSound(reason) => AudioError::NotAudio { path: path.into(), found: reason },
        Refusal::Drm(scheme) => AudioError::Drm { path: path.into(), scheme },
        Refusal::Unsupported(what) => AudioError::Unsupported { path: path.into(), what },
    })?;
    let channels = opened.params.channels.as_ref().map_or(0, |channels| channels.count() as u32);
    limits.allow(opened.params.sample_rate.unwrap_or(0), channels).map_err(|(what, limit)| AudioError::TooLarge {
        path: path.into(),
        what,
        limit,
    })?;
    let mut decoder = codec::decoder(&opened.params)
        .map_err(|error| AudioError::Unsupported { path: path.into(), what: error.to_string() })?;
    let mut phases: Option<(Phases, u32, usize)> = None;
    let mut samples: Vec<f32> = Vec::new();
    let mut packets = 0_u64;
    loop {
        if packets.is_multiple_of(64) && cancel() {
            return Err(AudioError::Cancelled { path: path.into() });
        }
        packets += 1;
        let packet = match opened.packets.next() {
            Ok(Some(packet)) => packet,
            Err(Error::IoError(error)) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(read(error)),
            // What was heard before it breaks off may do.
            Ok(None) | Err(_) => break,
        };
        let Ok(sound) = decoder.decode(&packet) else { continue };
        let (rate, channels) = (sound.spec().rate(), sound.spec().channels().count());
        sound.copy_to_vec_interleaved(&mut samples);
        if samples.is_empty() || channels == 0 || channels > limits.channels as usize || rate > limits.sample_rate_hz {
            continue;
        }
        let (heard, as_rate, as_channels) = match &mut phases {
            Some(phases) => phases,
            none => match Phases::new(rate) {
                Some(begun) => none.insert((begun, rate, channels)),
                None => break,
            },
        };
        if (rate, channels) != (*as_rate, *as_channels) || !heard.hear(&samples, channels) {
            break;
        }
    }
    let values = phases.map_or_else(Vec::new, |(phases, ..)| phases.finish());
    Sound::new(values).map_err(|_| AudioError::TooShort { path: path.into() })
}
