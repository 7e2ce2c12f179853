//! Whether a file is whole, as its framing tells without decoding anything.

use fonoteca_audio::{Depth, State, starts_like_audio};

use super::file::{analysed, with_file};

/// Takes the bytes as a file, and looks at its head and at all of its packets.
pub fn check(bytes: &[u8]) {
    with_file(bytes, |path| {
        let (head, packets) = (analysed(Depth::Head, path), analysed(Depth::Packets, path));
        let Some(packets) = packets else { return };
        let head = head.expect("what has packets has a head");
        assert!(starts_like_audio(path), "{} was not recognised", packets.container);
        assert_eq!((head.container, &head.codec), (packets.container, &packets.codec));
        assert_eq!((head.mime, head.extension), (packets.mime, packets.extension));
        assert_eq!((&head.tags, &head.cover), (&packets.tags, &packets.cover));
        // Nothing was decoded, so nothing is proved.
        assert!(head.state != State::Sound && packets.state != State::Sound);
        if let State::Malformed { reason } = &head.state {
            assert!(matches!(&packets.state, State::Malformed { .. }), "malformed by its head only: {reason}");
        }
        let again = analysed(Depth::Packets, path).expect("as before");
        assert_eq!(again, packets);
    });
}
