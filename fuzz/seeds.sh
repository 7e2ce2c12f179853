#!/bin/sh
# Makes the audio that fuzzing begins with: a tone of a tenth of a second, made here and given to the public domain (CC0),
# in every container and coding that is read. Run in a folder for them; ffmpeg, flac, oggenc, opusenc, lame and mpcenc are
# needed.
set -eu
quiet="ffmpeg -nostdin -loglevel error -y -bitexact -fflags +bitexact"
tone() { $quiet -f lavfi -i "sine=frequency=440:sample_rate=$1:duration=$2" -ac "$3" -c:a "$4" -flags:a +bitexact "$5"; }

tone 44100 0.1 1 pcm_s16le mono.wav
tone 8000 0.1 2 pcm_s16le pcm16.wav
tone 8000 0.05 2 pcm_s24le pcm24.wav
tone 8000 0.05 1 pcm_f32le float.wav
tone 8000 0.05 1 pcm_mulaw mulaw.wav
tone 22050 0.05 1 adpcm_ima_wav ima.wav
tone 22050 0.05 1 adpcm_ms ms.wav
$quiet -i pcm16.wav -rf64 always -c copy rf64.wav
$quiet -i pcm16.wav -metadata title=Tone -metadata artist=Nobody -write_id3v2 1 tagged.aiff
$quiet -i pcm16.wav -c:a pcm_mulaw law.aifc.aiff
$quiet -i pcm16.wav -c:a pcm_s16be pcm.caf
$quiet -i pcm16.wav -c:a alac alac.caf
$quiet -i mono.wav -c:a alac -metadata title=Tone alac.m4a
$quiet -i mono.wav -c:a aac -b:a 32k -metadata title=Tone -metadata genre=Test aac.m4a
$quiet -i mono.wav -c:a aac -b:a 32k -movflags +frag_keyframe+empty_moov fragments.m4a
$quiet -i mono.wav -c:a aac -b:a 32k -f adts adts.aac
$quiet -i mono.wav -c:a wavpack wavpack.wv
$quiet -i mono.wav -c:a mp2 -b:a 64k layer2.mp2
flac --silent --force --best --no-padding -T TITLE=Tone -T CHAPTER001=00:00:00.000 -T CHAPTER001NAME=Begin -o best.flac mono.wav
flac --silent --force --fast --no-padding -o fast.flac pcm16.wav
flac --silent --force --ogg --serial-number=7 --no-padding -o ogg.oga pcm16.wav
oggenc --quiet --serial 7 -q 0 -t Tone -o vorbis.ogg mono.wav
opusenc --quiet --serial 7 --bitrate 24 --title Tone mono.wav opus.opus
lame --quiet -b 64 --tt Tone --ta Nobody --add-id3v2 mono.wav cbr.mp3
lame --quiet -V 9 -t mono.wav vbr.mp3
lame --quiet -m m -b 8 --resample 8 pcm16.wav low.mp3
mpcenc --silent --overwrite mono.wav musepack.mpc
rm mono.wav
