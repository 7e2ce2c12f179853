//! PREMIS 3 in XML: what each file is, what happened to it, and what may be done with it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use fonoteca_catalog::Event;
use fonoteca_model::rights::Basis;

use super::super::select::Selected;
use super::{Known, Written, is_copy};

const ROOT: &str = "BitTorrent v2 pieces root";

/// An element with text in it.
fn element(name: &str, text: &str) -> String {
    format!("<{name}>{}</{name}>", escaped(text))
}

/// Text as XML 1.0 can hold it.
fn escaped(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => clean.push_str("&amp;"),
            '<' => clean.push_str("&lt;"),
            '>' => clean.push_str("&gt;"),
            '\t' | '\n' => clean.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => clean.push('\u{fffd}'),
            c => clean.push(c),
        }
    }
    clean
}

fn identifier(kind: &str, what: &str, value: &str) -> String {
    let kind_of = element(&format!("{kind}Type"), what);
    format!("<{kind}>{kind_of}{}</{kind}>", element(&format!("{kind}Value"), value))
}

/// The document about some files, each with what was written of it.
pub(super) fn document(files: &[(&Selected, &Written)], known: &Known) -> String {
    let mut xml = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<premis xmlns=\"http://www.loc.gov/premis/v3\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" version=\"3.0\">\n",
    );
    for (file, written) in files {
        object(&mut xml, file, written, known);
    }
    let mut agents = BTreeSet::new();
    for (file, _) in files {
        let own = [Some(file.root()), is_copy(file).then_some(file.held.root)];
        for event in own.into_iter().flatten().filter_map(|root| known.events.get(&root)).flatten() {
            agents.insert(event.agent.as_str());
            happened(&mut xml, event);
        }
    }
    for agent in agents {
        let id = identifier("agentIdentifier", "local", agent);
        let _ = writeln!(xml, "<agent>{id}{}{}</agent>", element("agentName", agent), element("agentType", "software"));
    }
    for (file, _) in files {
        rights(&mut xml, file);
    }
    xml.push_str("</premis>\n");
    xml
}

fn object(xml: &mut String, file: &Selected, written: &Written, known: &Known) {
    let root = file.root().to_string();
    let mime = known.blobs.get(&file.root()).map_or("application/octet-stream", |(_, row)| row.mime.as_str());
    let digest =
        format!("{}{}", element("messageDigestAlgorithm", "SHA-256"), element("messageDigest", &written.sha256));
    let format = element("formatName", mime);
    let _ = write!(
        xml,
        "<object xsi:type=\"file\">{}<objectCharacteristics><fixity>{digest}</fixity><size>{}</size>\
         <format><formatDesignation>{format}</formatDesignation></format></objectCharacteristics>",
        identifier("objectIdentifier", ROOT, &root),
        written.bytes
    );
    if is_copy(file) {
        let _ = write!(
            xml,
            "<relationship>{}{}{}</relationship>",
            element("relationshipType", "derivation"),
            element("relationshipSubType", "has source"),
            identifier("relatedObjectIdentifier", ROOT, &file.held.root.to_string())
        );
    }
    xml.push_str("</object>\n");
}

fn happened(xml: &mut String, event: &Event) {
    let detail = event.detail.as_deref().unwrap_or_default();
    let detail = if detail.is_empty() {
        String::new()
    } else {
        format!("<eventDetailInformation>{}</eventDetailInformation>", element("eventDetail", detail))
    };
    let _ = writeln!(
        xml,
        "<event>{}{}{}{detail}<eventOutcomeInformation>{}</eventOutcomeInformation>{}{}</event>",
        identifier("eventIdentifier", "local", &event.id),
        element("eventType", &event.kind),
        element("eventDateTime", &event.at.to_string()),
        element("eventOutcome", event.outcome.as_str()),
        identifier("linkingAgentIdentifier", "local", &event.agent),
        identifier("linkingObjectIdentifier", ROOT, &event.subject)
    );
}

fn rights(xml: &mut String, file: &Selected) {
    let verdict = &file.verdict;
    let root = file.root().to_string();
    let terms = verdict.licence.clone().unwrap_or_else(|| verdict.basis.to_string());
    let note = verdict.attribution.join("; ");
    let (basis, information) = match verdict.basis {
        Basis::Licensed => ("license", {
            let note = if note.is_empty() { String::new() } else { element("licenseNote", &note) };
            format!("<licenseInformation>{}{note}</licenseInformation>", element("licenseTerms", &terms))
        }),
        basis => ("other", {
            let note = if note.is_empty() { String::new() } else { element("otherRightsNote", &note) };
            let basis = element("otherRightsBasis", basis.as_str());
            format!("<otherRightsInformation>{basis}{note}</otherRightsInformation>")
        }),
    };
    let _ = writeln!(
        xml,
        "<rights><rightsStatement>{}{}{information}<rightsGranted>{}</rightsGranted>{}</rightsStatement></rights>",
        identifier("rightsStatementIdentifier", "local", &root),
        element("rightsBasis", basis),
        element("act", "disseminate"),
        identifier("linkingObjectIdentifier", ROOT, &root)
    );
}
