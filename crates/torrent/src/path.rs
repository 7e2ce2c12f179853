//! Which names a torrent may give its files.

/// The folder that pad files pretend to lie in (BEP 47).
pub const PAD_FOLDER: &str = ".pad";

/// Bytes of one component; what common file systems take.
const COMPONENT_BYTES: usize = 255;
/// Components of a path.
const COMPONENTS: usize = 32;
/// Bytes of a whole path, separators included; Windows without long paths takes no more than 260 characters.
const PATH_BYTES: usize = 1024;

/// Why a path is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathProblem {
    /// No component, or one without a character.
    #[error("it is empty, or a part of it is")]
    Empty,
    /// A component is `.` or `..`.
    #[error("it has a part that is `.` or `..`")]
    Dots,
    /// A component holds `/` or `\`.
    #[error("it has a part with a path separator in it")]
    Separator,
    /// A component holds NUL or another control character.
    #[error("it has a part with a control character in it")]
    Control,
    /// Not UTF-8.
    #[error("it is not UTF-8")]
    NotUtf8,
    /// A component of more than 255 bytes, a path of more than 1,024 bytes or 32 components.
    #[error("it is too long (at most 255 bytes a part, 32 parts and 1024 bytes in all)")]
    TooLong,
    /// A real file in the folder of the pad files.
    #[error("`.pad` is for padding only")]
    PadFolder,
}

/// Checks one component of a path, or a torrent's name.
pub fn check_component(component: &str) -> Result<(), PathProblem> {
    if component.is_empty() {
        Err(PathProblem::Empty)
    } else if component == "." || component == ".." {
        Err(PathProblem::Dots)
    } else if component.contains(['/', '\\']) {
        Err(PathProblem::Separator)
    } else if component.chars().any(char::is_control) {
        Err(PathProblem::Control)
    } else if component.len() > COMPONENT_BYTES {
        Err(PathProblem::TooLong)
    } else {
        Ok(())
    }
}

/// Checks the path of a real file, given as its components.
pub fn check_path(path: &[String]) -> Result<(), PathProblem> {
    check_parts(path)?;
    if path[0] == PAD_FOLDER { Err(PathProblem::PadFolder) } else { Ok(()) }
}

/// As [`check_path`], for the path of a pad file.
pub(crate) fn check_parts(path: &[String]) -> Result<(), PathProblem> {
    if path.is_empty() {
        return Err(PathProblem::Empty);
    }
    path.iter().try_for_each(|component| check_component(component))?;
    if path.len() > COMPONENTS || path.iter().map(|component| component.len() + 1).sum::<usize>() > PATH_BYTES + 1 {
        return Err(PathProblem::TooLong);
    }
    Ok(())
}

/// A path that is there twice, or is both a file and a folder. Leaves the paths sorted, component-wise by bytes.
pub(crate) fn conflict<'a>(paths: &mut [&'a [String]]) -> Option<&'a [String]> {
    paths.sort_unstable();
    // What lies under a path follows right behind it in this order.
    paths.windows(2).find(|two| two[1].starts_with(two[0])).map(|two| two[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Vec<String> {
        text.split('/').map(str::to_owned).collect()
    }

    #[test]
    fn tricks_are_refused() {
        assert_eq!(check_path(&[]), Err(PathProblem::Empty));
        let long = "a".repeat(256);
        let deep = vec!["a"; 33].join("/");
        let wide = vec!["a".repeat(255); 5].join("/");
        for (text, problem) in [
            ("", PathProblem::Empty),
            ("a//b", PathProblem::Empty),
            ("/a", PathProblem::Empty),
            ("a/", PathProblem::Empty),
            ("a/../b", PathProblem::Dots),
            ("./b", PathProblem::Dots),
            ("a/b\\c", PathProblem::Separator),
            ("a/b\0", PathProblem::Control),
            ("a\nb", PathProblem::Control),
            (".pad/12", PathProblem::PadFolder),
            (".pad", PathProblem::PadFolder),
            (&long, PathProblem::TooLong),
            (&deep, PathProblem::TooLong),
            (&wide, PathProblem::TooLong),
        ] {
            assert_eq!(check_path(&path(text)), Err(problem), "{text:?}");
        }
        assert_eq!(check_component("a/b"), Err(PathProblem::Separator));
        for text in ["a", "...", "a/.pad/b", "Ä/日本語.flac", &"a".repeat(255), &vec!["a"; 32].join("/")] {
            assert_eq!(check_path(&path(text)), Ok(()), "{text:?}");
        }
    }

    #[test]
    fn a_file_cannot_be_a_folder_too() {
        for (paths, found) in [
            (&["a", "b", "a"][..], Some("a")),
            (&["a/b", "a", "a-b"], Some("a")),
            (&["a/b/c", "a!", "a/b"], Some("a/b")),
            (&["a", "a-b", "a.b/c", "a!/b"], None),
        ] {
            let held: Vec<Vec<String>> = paths.iter().map(|text| path(text)).collect();
            let mut sorted: Vec<&[String]> = held.iter().map(Vec::as_slice).collect();
            assert_eq!(conflict(&mut sorted).map(|path| path.join("/")).as_deref(), found, "{paths:?}");
        }
    }
}
