//! Pictures: what kind of picture some bytes are, and the cover that lies beside the files of an album.

use crate::{Picture, PictureKind};

/// The MIME type of a JPEG, PNG, WebP or GIF picture by its first bytes, or `None` for anything else.
pub fn image_mime(bytes: &[u8]) -> Option<&'static str> {
    if bytes.starts_with(&[0xff, 0xd8, 0xff]) {
        Some("image/jpeg")
    } else if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        Some("image/png")
    } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        Some("image/webp")
    } else if bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a") {
        Some("image/gif")
    } else {
        None
    }
}

/// Names of folder covers without extension, best first. Case does not matter.
pub const COVER_NAMES: &[&str] = &["cover", "folder", "front", "album", "albumart"];

/// Extensions of folder covers, best first. Case does not matter.
pub const COVER_EXTENSIONS: &[&str] = &["jpg", "jpeg", "png", "webp", "gif"];

/// Whether a file is called like a cover: its name without extension, and the extension, both in lower case.
pub fn is_cover_name(stem: &str, extension: &str) -> bool {
    COVER_NAMES.contains(&stem) && COVER_EXTENSIONS.contains(&extension)
}

/// The file that is the cover by its name among those of a folder, best name first; `None` if there is none.
pub fn best_cover<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let rank = |name: &str| {
        let name = name.to_lowercase();
        let (stem, extension) = name.rsplit_once('.')?;
        let rank = COVER_NAMES.iter().position(|known| *known == stem)?;
        Some((rank, COVER_EXTENSIONS.iter().position(|known| *known == extension)?))
    };
    // The name settles a draw between Cover.jpg and cover.jpg.
    names.into_iter().filter_map(|name| Some((rank(name)?, name))).min().map(|(_, name)| name)
}

/// The front cover that a file beside the music is; `None` if its bytes are no picture.
pub fn front(data: Vec<u8>) -> Option<Picture> {
    Some(Picture { mime: image_mime(&data)?.into(), data, kind: PictureKind::Front })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_by_their_first_bytes() {
        assert_eq!(image_mime(&[0xff, 0xd8, 0xff, 0xe0]), Some("image/jpeg"));
        assert_eq!(image_mime(b"RIFF\0\0\0\0WEBPVP8 "), Some("image/webp"));
        assert_eq!(image_mime(b"RIFF\0\0\0\0WAVE"), None);
        assert_eq!(image_mime(b""), None);
    }

    #[test]
    fn the_best_name_wins() {
        assert_eq!(best_cover(["notes.txt", "cover.txt", "cover", "back.jpg"]), None);
        assert_eq!(best_cover(["front.png", "Folder.JPG", "folder.png"]), Some("Folder.JPG"));
        assert!(is_cover_name("cover", "jpg") && !is_cover_name("cover", "txt") && !is_cover_name("back", "jpg"));
        assert_eq!(front(b"\xff\xd8\xff rest".to_vec()).expect("a picture").mime, "image/jpeg");
        assert_eq!(front(b"text".to_vec()), None);
    }
}
