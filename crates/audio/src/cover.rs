//! Pictures: what kind of picture some bytes are, and the cover that lies beside the files of an album.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

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

/// The picture file in a folder that is its cover by name, best name first; `None` if there is none.
///
/// The file is not opened; [`read_folder_cover`] does that and looks whether it really is a picture.
pub fn find_folder_cover(folder: &Path) -> io::Result<Option<PathBuf>> {
    let mut best = None;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let lower = |part: Option<&std::ffi::OsStr>| part.and_then(|part| part.to_str()).map(str::to_lowercase);
        let (Some(stem), Some(extension)) = (lower(path.file_stem()), lower(path.extension())) else { continue };
        let name = COVER_NAMES.iter().position(|known| *known == stem);
        let kind = COVER_EXTENSIONS.iter().position(|known| *known == extension);
        if let Some(rank) = name.zip(kind)
            && path.is_file()
        {
            // The path settles a draw between Cover.jpg and cover.jpg.
            let candidate = (rank, path);
            if best.as_ref().is_none_or(|best| candidate < *best) {
                best = Some(candidate);
            }
        }
    }
    Ok(best.map(|(_, path)| path))
}

/// Reads a folder cover of at most `limit` bytes; `None` if it is larger or no picture.
pub fn read_folder_cover(path: &Path, limit: usize) -> io::Result<Option<Picture>> {
    let mut data = Vec::new();
    fs::File::open(path)?.take(limit as u64 + 1).read_to_end(&mut data)?;
    let mime = image_mime(&data).filter(|_| data.len() <= limit);
    Ok(mime.map(|mime| Picture { mime: mime.into(), data, kind: PictureKind::Front }))
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
        let folder = tempfile::tempdir().expect("temporary folder");
        assert_eq!(find_folder_cover(folder.path()).expect("list"), None);
        for name in ["front.png", "Folder.JPG", "notes.txt", "cover.txt"] {
            fs::write(folder.path().join(name), b"\xff\xd8\xff rest").expect("write");
        }
        let found = find_folder_cover(folder.path()).expect("list").expect("a cover");
        assert_eq!(found.file_name().and_then(|name| name.to_str()), Some("Folder.JPG"));
        let picture = read_folder_cover(&found, 8).expect("read").expect("a picture");
        assert_eq!((picture.mime.as_str(), picture.data.len()), ("image/jpeg", 8));
        assert_eq!(read_folder_cover(&found, 7).expect("read"), None);
    }
}
