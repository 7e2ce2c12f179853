//! Names of codecs, and decoders for them.

use std::sync::OnceLock;

use symphonia::core::codecs::audio::well_known as known;
use symphonia::core::codecs::audio::{AudioCodecId, AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::codecs::registry::CodecRegistry;
use symphonia::core::errors::Error;

use crate::Container;

/// Codecs by the names that ffmpeg gives them, and whether they keep every bit.
const NAMES: &[(AudioCodecId, &str, bool)] = &[
    (known::CODEC_ID_FLAC, "flac", true),
    (known::CODEC_ID_VORBIS, "vorbis", false),
    (known::CODEC_ID_OPUS, "opus", false),
    (known::CODEC_ID_SPEEX, "speex", false),
    (known::CODEC_ID_MP1, "mp1", false),
    (known::CODEC_ID_MP2, "mp2", false),
    (known::CODEC_ID_MP3, "mp3", false),
    (known::CODEC_ID_AAC, "aac", false),
    (known::CODEC_ID_ALAC, "alac", true),
    (known::CODEC_ID_AC3, "ac3", false),
    (known::CODEC_ID_EAC3, "eac3", false),
    (known::CODEC_ID_AC4, "ac4", false),
    (known::CODEC_ID_DCA, "dts", false),
    (known::CODEC_ID_WAVPACK, "wavpack", true),
    (known::CODEC_ID_MONKEYS_AUDIO, "ape", true),
    (known::CODEC_ID_MUSEPACK, "musepack", false),
    (known::CODEC_ID_PCM_S32LE, "pcm_s32le", true),
    (known::CODEC_ID_PCM_S32BE, "pcm_s32be", true),
    (known::CODEC_ID_PCM_S24LE, "pcm_s24le", true),
    (known::CODEC_ID_PCM_S24BE, "pcm_s24be", true),
    (known::CODEC_ID_PCM_S16LE, "pcm_s16le", true),
    (known::CODEC_ID_PCM_S16BE, "pcm_s16be", true),
    (known::CODEC_ID_PCM_S8, "pcm_s8", true),
    (known::CODEC_ID_PCM_U8, "pcm_u8", true),
    (known::CODEC_ID_PCM_F32LE, "pcm_f32le", true),
    (known::CODEC_ID_PCM_F32BE, "pcm_f32be", true),
    (known::CODEC_ID_PCM_F64LE, "pcm_f64le", true),
    (known::CODEC_ID_PCM_F64BE, "pcm_f64be", true),
    (known::CODEC_ID_PCM_ALAW, "pcm_alaw", false),
    (known::CODEC_ID_PCM_MULAW, "pcm_mulaw", false),
    (known::CODEC_ID_ADPCM_MS, "adpcm_ms", false),
    (known::CODEC_ID_ADPCM_IMA_WAV, "adpcm_ima_wav", false),
    (known::CODEC_ID_ADPCM_IMA_QT, "adpcm_ima_qt", false),
];

/// The codec's name, if it has one here.
pub(crate) fn name(codec: AudioCodecId) -> Option<&'static str> {
    NAMES.iter().find(|(id, ..)| *id == codec).map(|(_, name, _)| *name)
}

/// Whether the coding keeps every bit of what it is given.
pub(crate) fn is_lossless(codec: AudioCodecId) -> bool {
    NAMES.iter().any(|(id, _, lossless)| *id == codec && *lossless)
}

/// The same by the codec's name.
pub(crate) fn is_lossless_name(name: &str) -> bool {
    NAMES.iter().any(|(_, known, lossless)| *known == name && *lossless)
}

/// Bits a sample, where the coding keeps them all.
pub(crate) fn bit_depth(params: &AudioCodecParameters) -> Option<i32> {
    let lossless = is_lossless(params.codec);
    // Only ALAC's own description (its "magic cookie") has the depth, in its sixth byte; old CAF files have two atoms before.
    let cookie = params.extra_data.as_deref().filter(|_| params.codec == known::CODEC_ID_ALAC);
    let cookie = cookie
        .map(|cookie| if cookie.get(4..8) == Some(b"frma") { cookie.get(24..).unwrap_or_default() } else { cookie });
    let known = |bits: &u32| *bits > 0;
    let bits = params
        .bits_per_coded_sample
        .filter(known)
        .or(params.bits_per_sample.filter(known))
        .or(cookie.and_then(|cookie| cookie.get(5)).map(|bits| (*bits).into()));
    bits.filter(|_| lossless).and_then(|bits| i32::try_from(bits).ok())
}

/// MIME type and canonical extension of a file.
pub(crate) fn mime_and_extension(container: Container, codec: AudioCodecId) -> (&'static str, &'static str) {
    match container {
        Container::Flac => ("audio/flac", "flac"),
        Container::Ogg => match codec {
            known::CODEC_ID_OPUS => ("audio/ogg", "opus"),
            known::CODEC_ID_SPEEX => ("audio/ogg", "spx"),
            known::CODEC_ID_FLAC => ("audio/ogg", "oga"),
            _ => ("audio/ogg", "ogg"),
        },
        Container::Mp3 => match codec {
            known::CODEC_ID_MP1 => ("audio/mpeg", "mp1"),
            known::CODEC_ID_MP2 => ("audio/mpeg", "mp2"),
            _ => ("audio/mpeg", "mp3"),
        },
        Container::Mp4 => ("audio/mp4", "m4a"),
        Container::Wav => ("audio/wav", "wav"),
        Container::Aiff => ("audio/aiff", "aiff"),
        Container::Caf => ("audio/x-caf", "caf"),
        Container::Adts => ("audio/aac", "aac"),
        Container::WavPack => ("audio/x-wavpack", "wv"),
        Container::Ape => ("audio/x-ape", "ape"),
        Container::Musepack => ("audio/x-musepack", "mpc"),
    }
}

/// Samples of all channels in one packet; real packets have some thousands.
const MAX_PACKET_SAMPLES: u64 = 1 << 24;

/// A decoder that checks what the coding lets it check.
pub(crate) fn decoder(params: &AudioCodecParameters) -> Result<Box<dyn AudioDecoder>, Error> {
    // Decoders make room for the longest packet that is declared.
    let channels = params.channels.as_ref().map_or(1, |channels| channels.count() as u64);
    let longest = params.max_frames_per_packet.max(params.frames_per_block).unwrap_or(0);
    if longest.saturating_mul(channels) > MAX_PACKET_SAMPLES {
        return Err(Error::LimitError("samples in a packet"));
    }
    static REGISTRY: OnceLock<CodecRegistry> = OnceLock::new();
    let registry = REGISTRY.get_or_init(|| {
        let mut registry = CodecRegistry::new();
        symphonia::default::register_enabled_codecs(&mut registry);
        registry.register_audio_decoder::<symphonia_adapter_libopus::OpusDecoder>();
        registry
    });
    registry.make_audio_decoder(params, &AudioDecoderOptions::default().verify(true))
}
