//! The one pass: packets are hashed and decoded once, and everything that listens hears the same samples.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use fonoteca_model::Sha256Hash;
use sha2::{Digest, Sha256};
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder};
use symphonia::core::errors::Error;

use crate::bytes::File;
use crate::checks::{Checks, Watch};
use crate::container::{self, Heard, Opened, Refusal, Verdict};
use crate::external::{self, Ended};
use crate::fingerprint::Printer;
use crate::loudness::Meter;
use crate::spectrum::Spectrum;
use crate::tags::{self, Collector};
use crate::{Analysis, AudioError, Container, ESSENCE_VERSION, Essence, Fingerprint, Limits, Loudness, codec, format};

/// How far into a file one looks. Each depth tells all that the ones before it tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Depth {
    /// What its head says: container, coding, tags, cover, declared length. Whether it is whole stays open.
    Head,
    /// Every packet, undecoded: essence hash, length and what the framing shows.
    Packets,
    /// Every sample: fingerprint, loudness, and whether all of it decodes.
    #[default]
    Sound,
}

/// Tells all that one pass over a file tells: [`analyse_to`] the depth of [`Depth::Sound`].
pub fn analyse(path: &Path, limits: &Limits, cancel: &dyn Fn() -> bool) -> Result<Analysis, AudioError> {
    analyse_to(Depth::Sound, path, limits, cancel)
}

/// Tells what one pass over a file tells, to some depth.
///
/// The file is read from the disk once or twice (tags lie apart from the sound); memory stays below a few times
/// [`Limits::picture_bytes`]. `cancel` is asked every few packets and ends the work with [`AudioError::Cancelled`].
///
/// A file that arrived incomplete is no error: its [`State`](crate::State) says what is wrong and where, and everything
/// that could be found is there. Sound whose coding cannot be decoded here is taken without fingerprint and loudness, with
/// a note.
///
/// # Errors
///
/// [`AudioError`] says why a file yields nothing: it is no audio, protected, of an unsupported kind, beyond a limit, or
/// cannot be read.
pub fn analyse_to(
    depth: Depth,
    path: &Path,
    limits: &Limits,
    cancel: &dyn Fn() -> bool,
) -> Result<Analysis, AudioError> {
    catch_unwind(AssertUnwindSafe(|| pass(depth, path, limits, cancel)))
        .unwrap_or_else(|panic| Err(AudioError::crashed(path, &*panic)))
}

fn pass(depth: Depth, path: &Path, limits: &Limits, cancel: &dyn Fn() -> bool) -> Result<Analysis, AudioError> {
    let read = |source: io::Error| AudioError::Read { path: path.into(), source };
    let file = File::open(path).map_err(read)?;
    let failed = file.failed();
    let found = pass_over(file, depth, path, limits, cancel);
    // What was found when the disk failed to give all is not what is there.
    failed.take().map_or(found, |source| Err(read(source)))
}

fn pass_over(
    mut file: File,
    depth: Depth,
    path: &Path,
    limits: &Limits,
    cancel: &dyn Fn() -> bool,
) -> Result<Analysis, AudioError> {
    let read = |source: io::Error| AudioError::Read { path: path.into(), source };
    let too_large = |what: String, limit: String| AudioError::TooLarge { path: path.into(), what, limit };
    let metadata = file.metadata().map_err(read)?;
    if !metadata.is_file() {
        return Err(AudioError::NotAudio { path: path.into(), found: "it is a folder or a device".into() });
    }
    let len = metadata.len();
    if len > limits.file_bytes {
        return Err(too_large(format!("{len} bytes"), format!("{} bytes", limits.file_bytes)));
    }
    let (container, start) = format::recognise(path, &mut file, len)?;

    let mut collector = Collector::new(limits);
    if matches!(container, Container::WavPack | Container::Ape | Container::Musepack) {
        let sound_end = container::mpeg::before_trailing_tags(&mut file, start, len).map_err(read)?;
        if sound_end < len && len - sound_end <= limits.tag_memory_bytes as u64 {
            tags::read_with_lofty(file.again(path).map_err(read)?, sound_end, len, 0, limits, &mut collector);
        }
    }
    if container == Container::Mp3 || start > 0 {
        let mut end = start;
        if container == Container::Mp3 {
            let sound_end = container::mpeg::before_trailing_tags(&mut file, start, len).map_err(read)?;
            end = if len - sound_end <= limits.tag_memory_bytes as u64 { len } else { sound_end };
        }
        tags::read_with_lofty(file.again(path).map_err(read)?, 0, end, start, limits, &mut collector);
    }
    let mut opened = container::open(container, file, start, len, limits, &mut collector).map_err(|refusal| {
        let path = path.to_path_buf();
        match refusal {
            Refusal::Read(source) => AudioError::Read { path, source },
            Refusal::NoSound(reason) => {
                AudioError::NotAudio { path, found: format!("it begins like {container} but {reason}") }
            }
            Refusal::Drm(scheme) => AudioError::Drm { path, scheme },
            Refusal::Unsupported(what) => AudioError::Unsupported { path, what },
        }
    })?;

    if opened.params.sample_rate == Some(0) {
        let found = format!("it begins like {container} but declares 0 samples a second");
        return Err(AudioError::NotAudio { path: path.into(), found });
    }
    // What is not decoded is measured against the limits too, by what it declares.
    let channels = opened.params.channels.as_ref().map_or(0, |channels| channels.count() as u32);
    let rate = opened.params.sample_rate.unwrap_or(0);
    limits.allow(rate, channels).map_err(|(what, limit)| too_large(what, limit))?;
    let mut ear = Ear::new(&opened, depth, limits);
    let mut sha256 = Sha256::new();
    let mut bytes = 0_u64;
    loop {
        if depth == Depth::Head {
            break;
        }
        if ear.heard.packets.is_multiple_of(64) && cancel() {
            return Err(AudioError::Cancelled { path: path.into() });
        }
        let packet = match opened.packets.next() {
            Ok(Some(packet)) => packet,
            // Where the end comes too early, the container's own verdict says so with the place.
            Ok(None) => break,
            Err(Error::IoError(error)) if error.kind() == io::ErrorKind::UnexpectedEof => break,
            Err(Error::IoError(error)) => return Err(read(error)),
            Err(error) => {
                let place = ear.heard.seconds(ear.heard.frames);
                ear.verdict.broken.push(format!("the packets break off after {place:.2} s: {error}"));
                break;
            }
        };
        sha256.update(&packet.data);
        bytes += packet.data.len() as u64;
        ear.hear(&packet).map_err(|(what, limit)| too_large(what, limit))?;
    }
    if depth > Depth::Head && ear.heard.packets == 0 {
        let found = format!("it begins like {container} but holds no sound");
        return Err(AudioError::NotAudio { path: path.into(), found });
    }
    if let Some(format) = opened.decoded_by.filter(|_| depth == Depth::Sound) {
        let heard = external::decode(path, format, limits, cancel, |samples, rate, channels| {
            ear.listen(samples, rate, channels)
        });
        match heard.map_err(|(what, limit)| too_large(what, limit))? {
            Ended::Cancelled => return Err(AudioError::Cancelled { path: path.into() }),
            Ended::Missing(error) => ear.without_sound(&format!("the program ffmpeg cannot be run ({error})")),
            Ended::Done(complaint) if ear.begun => ear.verdict.broken.extend(complaint),
            Ended::Done(complaint) => ear.without_sound(&complaint.unwrap_or_else(|| "ffmpeg gives no sound".into())),
        }
    }

    let heard = ear.finish();
    let mut verdict = opened.verdict.and(heard.verdict);
    if depth > Depth::Head {
        verdict = verdict.and(opened.packets.verdict(&heard.heard));
    }
    let Some(codec) = codec::name(opened.params.codec) else {
        return Err(AudioError::Unsupported { path: path.into(), what: format!("{container} with an unknown coding") });
    };
    let (mime, extension) = codec::mime_and_extension(container, opened.params.codec);
    let found = heard.decoded.then(|| heard.heard.frames.saturating_sub(opened.delay));
    let declared = opened.declared_frames.or(verdict.frames);
    let counted = (depth == Depth::Packets).then(|| heard.heard.frames.saturating_sub(opened.delay));
    let frames = match (found, declared) {
        (Some(found), Some(declared)) => found.min(declared),
        (found, declared) => found.or(declared).or(counted).unwrap_or(0),
    };
    let duration_ms = (u128::from(frames) * 1000).checked_div(heard.heard.rate.into()).unwrap_or(0) as i64;
    let state = verdict.state();
    let cuesheet = collector.take_cuesheet();
    let (tags, cover, mut notes) = collector.finish();
    notes.extend(verdict.notes);
    let mut checks = heard.checks;
    if let Some(checks) = &mut checks {
        checks.doubt_gains(&tags, heard.loudness.as_ref());
    }
    Ok(Analysis {
        container,
        mime,
        extension,
        codec: codec.into(),
        bit_rate: (duration_ms > 0).then(|| (u128::from(bytes) * 8000 / u128::from(duration_ms.unsigned_abs())) as i64),
        sample_rate: heard.heard.rate as i32,
        channels: heard.channels as i32,
        bit_depth: heard.bit_depth.or_else(|| codec::bit_depth(&opened.params)),
        duration_ms,
        state,
        tags,
        essence: if depth > Depth::Head {
            Essence { version: ESSENCE_VERSION, sha256: Sha256Hash(sha256.finalize().into()) }
        } else {
            Essence::UNKNOWN
        },
        fingerprint: heard.fingerprint,
        loudness: heard.loudness,
        checks,
        cover,
        cuesheet,
        notes,
    })
}

/// Decodes packets and lets everybody listen.
struct Ear {
    depth: Depth,
    decoder: Option<Box<dyn AudioDecoder>>,
    is_lossless: bool,
    limits: Limits,
    heard: Heard,
    channels: u32,
    /// Samples still to pass over before the recording begins.
    delay: u64,
    /// Samples of the recording still to come, where their number is declared.
    left: u64,
    begun: bool,
    meter: Option<Meter>,
    printer: Option<Printer>,
    watch: Option<Watch>,
    spectrum: Option<Spectrum>,
    samples: Vec<f32>,
    /// Packets in a row that cannot be decoded: how many, the first one, its time, why.
    failing: Option<(u64, u64, f64, String)>,
    verdict: Verdict,
}

/// Says that nothing could be heard, which leaves open whether all of it is there.
fn without_sound(verdict: &mut Verdict, reason: &str) {
    verdict.notes.push(format!("no fingerprint and loudness: {reason}"));
    verdict.unproven = Some("its packets cannot be decoded here".into());
}

/// What listening told.
struct Report {
    heard: Heard,
    channels: u32,
    decoded: bool,
    bit_depth: Option<i32>,
    fingerprint: Option<Fingerprint>,
    loudness: Option<Loudness>,
    checks: Option<Checks>,
    verdict: Verdict,
}

impl Ear {
    fn new(opened: &Opened, depth: Depth, limits: &Limits) -> Self {
        let params: &AudioCodecParameters = &opened.params;
        let mut verdict = Verdict::default();
        let decoder = match (depth, opened.decoded_by) {
            (Depth::Head, _) => {
                verdict.unproven = Some("only its head was read".into());
                None
            }
            (Depth::Packets, _) => {
                verdict.unproven = Some("it was not decoded".into());
                None
            }
            (Depth::Sound, Some(_)) => None,
            (Depth::Sound, None) => codec::decoder(params)
                .inspect_err(|error| {
                    let name = codec::name(params.codec).unwrap_or("unknown");
                    without_sound(&mut verdict, &format!("{name} of this kind is not decoded ({error})"));
                })
                .ok(),
        };
        let rate = params.sample_rate.unwrap_or(0);
        Self {
            depth,
            decoder,
            is_lossless: codec::is_lossless(params.codec),
            limits: limits.clone(),
            heard: Heard { rate, ..Heard::default() },
            channels: params.channels.as_ref().map_or(0, |channels| channels.count() as u32),
            delay: opened.delay,
            left: opened.declared_frames.unwrap_or(u64::MAX),
            begun: false,
            meter: None,
            printer: None,
            watch: None,
            spectrum: None,
            samples: Vec::new(),
            failing: None,
            verdict,
        }
    }

    /// Decodes one packet. The error is a limit that the sound breaks: what, and the limit.
    fn hear(&mut self, packet: &symphonia::core::packet::Packet) -> Result<(), (String, String)> {
        self.heard.packets += 1;
        let Some(decoder) = &mut self.decoder else {
            if self.depth == Depth::Packets {
                self.heard.frames += packet.dur.get();
            }
            return Ok(());
        };
        let (rate, channels) = match decoder.decode(packet) {
            Ok(sound) => {
                sound.copy_to_vec_interleaved(&mut self.samples);
                (sound.spec().rate(), sound.spec().channels().count() as u32)
            }
            Err(error) => {
                let reason = error.to_string();
                self.fail(reason);
                return Ok(());
            }
        };
        let samples = std::mem::take(&mut self.samples);
        let heard = self.listen(&samples, rate, channels);
        self.samples = samples;
        heard
    }

    /// Lets everybody hear interleaved samples. The error is a limit that the sound breaks: what, and the limit.
    fn listen(&mut self, samples: &[f32], rate: u32, channels: u32) -> Result<(), (String, String)> {
        let frames = samples.len() / channels.max(1) as usize;
        if frames == 0 {
            return Ok(());
        }
        if rate == 0 {
            self.fail("it has 0 samples a second".into());
            return Ok(());
        }
        if !self.begun {
            self.begin(rate, channels)?;
        } else if (rate, channels) != (self.heard.rate, self.channels) {
            self.fail(format!("it changes to {rate} Hz and {channels} channels"));
            return Ok(());
        }
        self.flush_failing();
        self.heard.frames += frames as u64;
        let skip = self.delay.min(frames as u64);
        let take = (frames as u64 - skip).min(self.left);
        self.delay -= skip;
        self.left -= take;
        let samples = &samples[skip as usize * channels as usize..][..take as usize * channels as usize];
        if let Some(meter) = &mut self.meter {
            meter.hear(samples);
        }
        if let Some(printer) = &mut self.printer {
            printer.hear(samples);
        }
        if let Some(watch) = &mut self.watch {
            watch.hear(samples);
        }
        if let Some(spectrum) = &mut self.spectrum {
            spectrum.hear(samples);
        }
        let most = self.limits.duration_ms.saturating_mul(u64::from(self.heard.rate)) / 1000;
        if self.heard.frames > most {
            let hours = format!("{:.1} hours", self.limits.duration_ms as f64 / 3_600_000.0);
            return Err((format!("more than {hours} of sound"), hours));
        }
        Ok(())
    }

    /// The first sound decides what is measured.
    fn begin(&mut self, rate: u32, channels: u32) -> Result<(), (String, String)> {
        self.limits.allow(rate, channels)?;
        self.begun = true;
        (self.heard.rate, self.channels) = (rate, channels);
        self.meter = Meter::new(rate, channels);
        self.printer = Printer::new(rate, channels);
        self.watch = Some(Watch::new(rate, channels));
        self.spectrum = Spectrum::new(rate, channels).filter(|_| self.is_lossless);
        Ok(())
    }

    fn without_sound(&mut self, reason: &str) {
        without_sound(&mut self.verdict, reason);
    }

    fn fail(&mut self, reason: String) {
        let (packet, at) = (self.heard.packets - 1, self.heard.seconds(self.heard.frames));
        self.failing.get_or_insert((0, packet, at, reason)).0 += 1;
    }

    fn flush_failing(&mut self) {
        if let Some((count, packet, at, reason)) = self.failing.take() {
            let what = if count == 1 { "1 packet".into() } else { format!("{count} packets") };
            let defect = format!("{what} from packet {packet} at {at:.2} s on cannot be decoded: {reason}");
            container::remember(&mut self.verdict.broken, defect);
        }
    }

    fn finish(mut self) -> Report {
        self.flush_failing();
        if let Some(decoder) = &mut self.decoder {
            self.heard.checksum_right = decoder.finalize().verify_ok;
            if !self.begun && self.heard.packets > 0 && self.verdict.broken.is_empty() {
                self.verdict.broken.push(format!("none of its {} packets gives any sound", self.heard.packets));
            }
        }
        Report {
            heard: self.heard,
            channels: self.channels,
            decoded: self.begun,
            bit_depth: self.decoder.as_ref().and_then(|decoder| codec::bit_depth(decoder.codec_params())),
            fingerprint: self.printer.and_then(Printer::finish),
            loudness: self.meter.and_then(Meter::finish),
            checks: self.watch.map(|watch| {
                let disguise = self.spectrum.and_then(Spectrum::finish);
                Checks { disguise, ..watch.finish() }
            }),
            verdict: self.verdict,
        }
    }
}
