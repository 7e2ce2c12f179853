//! OCFL 1.1: an object a file, by the layout extension 0003 (hash and id n-tuples).
//!
//! An object is made in a folder beside the storage root and then renamed to its place, so that the root never has half of
//! one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::json;
use sha2::{Digest, Sha256, Sha512};

use super::super::index::{index, licences};
use super::super::select::Selected;
use super::{Exporter, Known, covers, premis, write_text};
use crate::error::ArchiveError;
use crate::ingest::AGENT;

const LAYOUT: &str = "0003-hash-and-id-n-tuple-storage-layout";
/// The file that says that a folder is a storage root.
const ROOT: (&str, &str) = ("0=ocfl_1.1", "ocfl_1.1\n");
const TUPLE: usize = 3;
const TUPLES: usize = 3;

/// Makes `folder` a storage root, where it is empty; refuses one that holds something else.
pub(super) fn root(folder: &Path) -> Result<(), ArchiveError> {
    let layout = folder.join("ocfl_layout.json");
    let told =
        |path: &Path| std::fs::read(path).ok().and_then(|text| serde_json::from_slice::<serde_json::Value>(&text).ok());
    if folder.join(ROOT.0).exists() {
        return match told(&layout) {
            Some(layout) if layout["extension"] == LAYOUT => Ok(()),
            _ => Err(ArchiveError::Usage(format!(
                "{} is an OCFL storage root of another layout than {LAYOUT}: export into another folder",
                folder.display()
            ))),
        };
    }
    let mut entries = std::fs::read_dir(folder).map_err(ArchiveError::io(folder, "cannot be read"))?;
    // What a run wrote that was killed in the next lines is written again.
    if entries.any(|entry| {
        entry.is_ok_and(|entry| !["ocfl_layout.json", "extensions"].iter().any(|own| entry.file_name() == *own))
    }) {
        return Err(ArchiveError::Usage(format!(
            "{} is no OCFL storage root and not empty: export into another folder",
            folder.display()
        )));
    }
    let config = json!({
        "extensionName": LAYOUT,
        "digestAlgorithm": "sha256",
        "tupleSize": TUPLE,
        "numberOfTuples": TUPLES,
    });
    let description = "three folders of three digits of the SHA-256 of the object's id, and the id";
    write_text(&folder.join("extensions").join(LAYOUT).join("config.json"), &pretty(&config))?;
    write_text(&layout, &pretty(&json!({"extension": LAYOUT, "description": description})))?;
    write_text(&folder.join(ROOT.0), ROOT.1.as_bytes())
}

fn pretty(value: &serde_json::Value) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(value).expect("plain values are always JSON");
    bytes.push(b'\n');
    bytes
}

fn place(folder: &Path, id: &str) -> PathBuf {
    let digest = hex::encode(Sha256::digest(id));
    let tuples = (0..TUPLES).map(|tuple| &digest[tuple * TUPLE..(tuple + 1) * TUPLE]);
    tuples.fold(folder.to_owned(), |path, tuple| path.join(tuple)).join(id.replace(':', "%3a"))
}

pub(super) async fn object(exporter: &mut Exporter<'_>, file: &Selected, known: &Known) -> Result<(), ArchiveError> {
    let root = file.root();
    let id = format!("urn:fonoteca:blob:{root}");
    let target = place(exporter.folder, &id);
    if target.exists() {
        exporter.report.present += 1;
        exporter.progress.advance(file.bytes());
        return Ok(());
    }
    let name = exporter.folder.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let partial = exporter.folder.with_file_name(format!(".{name}.partial"));
    if partial.exists() {
        std::fs::remove_dir_all(&partial).map_err(ArchiveError::io(&partial, "cannot be removed"))?;
    }
    let made = make(exporter, file, known, &partial, &id).await;
    let bytes = match made {
        Ok(bytes) => bytes,
        Err(error) => {
            let _ = std::fs::remove_dir_all(&partial);
            return exporter.gives_up(root, error);
        }
    };
    let parent = target.parent().unwrap_or(exporter.folder);
    std::fs::create_dir_all(parent).map_err(ArchiveError::io(parent, "cannot be made"))?;
    std::fs::rename(&partial, &target).map_err(ArchiveError::io(&target, "cannot be put in place"))?;
    fonoteca_store::sync_folder(parent)?;
    exporter.report.packages += 1;
    exporter.report.files += 1;
    exporter.report.bytes += bytes;
    Ok(())
}

async fn make(
    exporter: &mut Exporter<'_>,
    file: &Selected,
    known: &Known,
    folder: &Path,
    id: &str,
) -> Result<u64, ArchiveError> {
    let content = folder.join("v1/content");
    // Names by their SHA-512, as the inventory has them.
    let mut files: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut bytes = 0;
    let audio = format!("{}.{}", file.root(), file.extension());
    let written = exporter.write_blob(file.root(), &content.join(&audio)).await?;
    bytes += written.bytes;
    files.entry(written.sha512.clone()).or_default().push(audio);
    for (cover, path) in covers(std::slice::from_ref(file), known) {
        let name = path.join("/");
        let written = exporter.write_blob(cover, &content.join(&name)).await?;
        bytes += written.bytes;
        files.entry(written.sha512).or_default().push(name);
    }
    let alone = std::slice::from_ref(file);
    let texts = [
        ("index.jsonl", index(alone)),
        ("LICENCES.txt", licences(alone)),
        ("premis.xml", premis::document(&[(file, &written)], known).into_bytes()),
    ];
    for (name, text) in texts {
        write_text(&content.join(name), &text)?;
        bytes += text.len() as u64;
        files.entry(hex::encode(Sha512::digest(&text))).or_default().push(name.to_owned());
    }
    let within = |name: &String| format!("v1/content/{name}");
    let manifest: BTreeMap<&String, Vec<String>> =
        files.iter().map(|(digest, names)| (digest, names.iter().map(within).collect())).collect();
    let mut user = json!({"name": exporter.archive.name()});
    if let Some(url) = &exporter.archive.settings().publish.url {
        user["address"] = json!(url);
    }
    let inventory = pretty(&json!({
        "id": id,
        "type": "https://ocfl.io/1.1/spec/#inventory",
        "digestAlgorithm": "sha512",
        "head": "v1",
        "manifest": manifest,
        "versions": {"v1": {
            "created": exporter.archive.now().to_string(),
            "message": format!("exported by {AGENT}"),
            "user": user,
            "state": files,
        }},
    }));
    let sidecar = format!("{} inventory.json\n", hex::encode(Sha512::digest(&inventory)));
    for place in [folder.join("v1"), folder.to_owned()] {
        write_text(&place.join("inventory.json"), &inventory)?;
        write_text(&place.join("inventory.json.sha512"), sidecar.as_bytes())?;
    }
    write_text(&folder.join("0=ocfl_object_1.1"), b"ocfl_object_1.1\n")?;
    Ok(bytes)
}
