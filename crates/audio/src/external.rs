//! Decoding by the program `ffmpeg`, for what nothing here decodes: samples come through a pipe, under limits of the system.

use std::ffi::OsString;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::Limits;
use crate::bytes::be32;

/// How decoding ended.
pub(crate) enum Ended {
    /// All that the program gave was heard; what it complained about, if it did.
    Done(Option<String>),
    /// The program cannot be started.
    Missing(io::Error),
    /// The caller asked to stop.
    Cancelled,
}

/// Samples are handed on in pieces of about so many bytes.
const CHUNK_BYTES: usize = 256 << 10;
const MAX_COMPLAINT_BYTES: u64 = 4 << 10;
/// The head of a Sun audio stream (AU), which is what samples come in: it says their rate and channels.
const HEAD_BYTES: usize = 24;

/// A process that does not outlive its user.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already, or is ended now.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Decodes a file that is read as `format` and nothing else. `hear` gets interleaved samples, their rate and the number of
/// channels; its error ends the work.
///
/// The program may open files only, and gets [`Limits::ffmpeg_seconds`] of processor time and [`Limits::ffmpeg_bytes`] of
/// memory, which the shell that starts it sets.
pub(crate) fn decode<E>(
    path: &Path,
    format: &str,
    limits: &Limits,
    cancel: &dyn Fn() -> bool,
    mut hear: impl FnMut(&[f32], u32, u32) -> Result<(), E>,
) -> Result<Ended, E> {
    let mut location = OsString::from("file:");
    location.push(path);
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -t \"$0\" && ulimit -v \"$1\"; shift; exec \"$@\""]);
    command.arg(limits.ffmpeg_seconds.to_string()).arg((limits.ffmpeg_bytes >> 10).to_string());
    command.arg(&limits.ffmpeg);
    command.args(["-nostdin", "-hide_banner", "-loglevel", "error", "-protocol_whitelist", "file,pipe"]);
    command.args(["-threads", "1", "-err_detect", "crccheck", "-f", format, "-i"]).arg(location);
    command.args(["-map", "0:a:0", "-vn", "-sn", "-dn", "-c:a", "pcm_f32be", "-f", "au", "pipe:1"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = match command.spawn() {
        Ok(child) => Running(child),
        Err(error) => return Ok(Ended::Missing(error)),
    };
    let complaint = running.0.stderr.take().map(|mut stderr| {
        std::thread::spawn(move || {
            let mut said = Vec::new();
            let _ = stderr.by_ref().take(MAX_COMPLAINT_BYTES).read_to_end(&mut said);
            let _ = io::copy(&mut stderr, &mut io::sink());
            String::from_utf8_lossy(&said).trim().to_owned()
        })
    });
    let mut pipe = running.0.stdout.take();
    let mut bytes = Vec::with_capacity(CHUNK_BYTES);
    let mut samples = Vec::new();
    let mut form: Option<(u32, u32)> = None;
    while let Some(stdout) = &mut pipe {
        if cancel() {
            return Ok(Ended::Cancelled);
        }
        // What a broken pipe leaves out, the comparison with the declared length tells.
        let more = stdout.by_ref().take((CHUNK_BYTES - bytes.len()) as u64).read_to_end(&mut bytes).unwrap_or(0);
        if more == 0 {
            break;
        }
        if form.is_none() {
            let (Some(offset), Some(rate), Some(channels)) = (be32(&bytes, 4), be32(&bytes, 16), be32(&bytes, 20))
            else {
                break;
            };
            if !bytes.starts_with(b".snd")
                || (offset as usize) < HEAD_BYTES
                || offset as usize > bytes.len()
                || channels == 0
            {
                break;
            }
            form = Some((rate, channels));
            bytes.drain(..offset as usize);
        }
        let Some((rate, channels)) = form else { break };
        let whole = bytes.len() - bytes.len() % (4 * channels as usize);
        samples.clear();
        samples.extend(
            bytes[..whole].chunks_exact(4).map(|four| f32::from_be_bytes([four[0], four[1], four[2], four[3]])),
        );
        bytes.drain(..whole);
        hear(&samples, rate, channels)?;
    }
    drop(pipe);
    let status = running.0.wait();
    let said = complaint.and_then(|thread| thread.join().ok()).unwrap_or_default();
    let first = said.lines().next().unwrap_or_default().to_owned();
    Ok(match status {
        Ok(status) if status.code() == Some(127) => Ended::Missing(io::Error::new(io::ErrorKind::NotFound, first)),
        Ok(status) if status.success() && said.is_empty() => Ended::Done(None),
        Ok(status) if said.is_empty() => Ended::Done(Some(format!("ffmpeg ended with {status}"))),
        Ok(_) => Ended::Done(Some(format!("ffmpeg: {first}"))),
        Err(error) => Ended::Done(Some(format!("ffmpeg cannot be waited for: {error}"))),
    })
}
