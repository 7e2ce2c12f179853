//! The least that is an MPEG-4 file with sound.

/// A box of this name.
pub fn atom(name: &[u8], body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32 + 8).to_be_bytes(), name, body].concat()
}

/// A file of eight samples of sound in 16 bits, with this in its `moov` behind the track.
pub fn with(beside: &[u8]) -> Vec<u8> {
    let numbers = |numbers: &[u32]| numbers.iter().flat_map(|number| number.to_be_bytes()).collect::<Vec<u8>>();
    let head = atom(b"ftyp", b"M4A \0\0\x02\0M4A isom");
    let sound = atom(b"mdat", &[0; 16]);
    let at = head.len() as u32 + 8;
    let entry = [&[0; 6][..], &[0, 1], &[0; 8], &[0, 1, 0, 16, 0, 0, 0, 0], &numbers(&[8000 << 16])].concat();
    let table = [
        atom(b"stsd", &[numbers(&[0, 1]), atom(b"sowt", &entry)].concat()),
        atom(b"stts", &numbers(&[0, 1, 8, 1])),
        atom(b"stsc", &numbers(&[0, 1, 1, 8, 1])),
        atom(b"stsz", &numbers(&[0, 2, 8])),
        atom(b"stco", &numbers(&[0, 1, at])),
    ];
    let information = atom(b"minf", &[atom(b"smhd", &[0; 8]), atom(b"stbl", &table.concat())].concat());
    let handler = atom(b"hdlr", &[&[0; 8][..], b"soun", &[0; 12], b"\0"].concat());
    let media = [atom(b"mdhd", &[numbers(&[0, 0, 0, 8000, 8]), vec![0; 4]].concat()), handler, information];
    let track_head = [numbers(&[7, 0, 0, 1, 0, 8]), vec![0; 60]].concat();
    let track = [atom(b"tkhd", &track_head), atom(b"mdia", &media.concat())];
    let movie_head = [numbers(&[0, 0, 0, 8000, 8]), vec![0; 80]].concat();
    let movie = [atom(b"mvhd", &movie_head), atom(b"trak", &track.concat()), beside.to_vec()];
    [head, sound, atom(b"moov", &movie.concat())].concat()
}
