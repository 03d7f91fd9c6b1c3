//! Readers of a form: which models its parts name. One is of a web framework (`multer`), the other
//! reads forms as mail (`mailparse`), with all that MIME allows.

use futures_util::{future, stream};
use mailparse::{DispositionType, ParsedMail};
use multer::Multipart;

/// A reader's name, and what it finds under the name `model`.
type Reader = (&'static str, fn(&str, &[u8]) -> Vec<String>);

/// Every reader.
pub(super) const READERS: [Reader; 2] = [("multer", web), ("mailparse", mail)];

fn web(content_type: &str, body: &[u8]) -> Vec<String> {
    let Ok(boundary) = multer::parse_boundary(content_type) else { return Vec::new() };
    let body = body.to_vec();
    let part = stream::once(future::ready(Ok::<_, std::io::Error>(body)));
    pollster::block_on(async {
        let mut form = Multipart::new(part, boundary);
        let mut found = Vec::new();
        while let Ok(Some(field)) = form.next_field().await {
            let is_model = field.name().is_some_and(is_model);
            let Ok(text) = field.text().await else { break };
            if is_model {
                found.push(text);
            }
        }
        found
    })
}

fn mail(content_type: &str, body: &[u8]) -> Vec<String> {
    if !content_type.to_lowercase().contains("multipart/form-data") {
        return Vec::new();
    }
    let message = [format!("content-type: {content_type}\r\n\r\n").as_bytes(), body].concat();
    let Ok(parsed) = mailparse::parse_mail(&message) else { return Vec::new() };
    let value = |part: &ParsedMail<'_>| {
        let disposition = part.get_content_disposition();
        let form = matches!(&disposition.disposition, DispositionType::FormData);
        let named = disposition.params.get("name").is_some_and(|name| is_model(name));
        (form && named).then(|| part.get_body().ok()).flatten()
    };
    // Mail ends its lines where a form's value has none.
    let trimmed = |text: String| text.trim_end_matches(['\r', '\n']).to_owned();
    parsed.subparts.iter().filter_map(value).map(trimmed).collect()
}

fn is_model(name: &str) -> bool {
    name.trim().to_lowercase().trim_end_matches("[]") == "model"
}
